import type { Base, Change, DelegationChange, TargetChange } from './changes.js';
import type { TargetsEdit } from '../tuf/compose.js';
import { equalBytes, hexEncode } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import type { Delegation, Delegations, PathSet, PublicKey, TargetFile, Targets } from '../tuf/model.js';
import type { KeyId, RoleName } from '../tuf/names.js';

/** Changes turned into an edit of one targets role. */
export interface AppliedChanges {
  readonly edit: TargetsEdit;
  /** How many of the changes are not in force already; 0 means that there is nothing to publish. */
  readonly effective: number;
}

/** One change that somebody else's contradicts. */
export interface Contradiction {
  /** A target's path, or `delegation NAME`. */
  readonly what: string;
  readonly mine: string;
  readonly theirs: string;
  /** The version of the role in which this person last saw it. */
  readonly since: number;
}

/**
 * Applies `changes` to what is current, whatever happened to other targets meanwhile. A change that is in force already is
 * skipped. Pure.
 * @param current the role as published, or undefined for its first version
 * @throws CountersignError `contradiction` where a target or delegation is neither as it was nor as it is to be
 */
export function applyChanges(role: RoleName, current: Targets | undefined, changes: readonly Change[]): AppliedChanges {
  const contradictions: Contradiction[] = [];
  const targets = changes.filter((change) => change.kind === 'add' || change.kind === 'remove');
  const delegations = changes.filter((change) => change.kind === 'delegate' || change.kind === 'undelegate');
  const [set, remove] = applyTargets(current, targets, contradictions);
  const delegated = applyDelegations(role, current?.delegations, delegations, contradictions);
  if (contradictions.length > 0) throw contradicted(role, current?.version ?? 0, contradictions);
  const edit = { set, remove, ...(delegated.count === 0 ? {} : { delegations: delegated.next }) };
  return { edit, effective: set.size + remove.size + delegated.count };
}

function applyTargets(
  current: Targets | undefined,
  changes: readonly TargetChange[],
  contradictions: Contradiction[],
): [Map<string, TargetFile>, Set<string>] {
  const set = new Map<string, TargetFile>();
  const remove = new Set<string>();
  for (const change of changes) {
    const now = current?.targets.get(change.path);
    const wanted = change.kind === 'add' ? change.file : undefined;
    if (sameTarget(now, wanted)) continue;
    if (!sameTarget(now, change.base.content)) {
      contradictions.push({
        what: change.path,
        mine: describeTarget(wanted),
        theirs: describeTarget(now),
        since: change.base.version,
      });
    } else if (wanted === undefined) remove.add(change.path);
    else set.set(change.path, wanted);
  }
  return [set, remove];
}

function applyDelegations(
  role: RoleName,
  current: Delegations | undefined,
  changes: readonly DelegationChange[],
  contradictions: Contradiction[],
): { readonly next: Delegations; readonly count: number } {
  if (changes.length > 0 && current?.succinct !== undefined) {
    throw new CountersignError('unsupported', `${role} delegates to hash bins, which stand alone`, {
      detail: { role },
    });
  }
  const roles = [...(current?.roles ?? [])];
  const keys = new Map(current?.keys);
  let count = 0;
  for (const change of changes) {
    const name = change.kind === 'delegate' ? change.delegation.name : change.name;
    const at = roles.findIndex((delegation) => delegation.name === name);
    const wanted = change.kind === 'delegate' ? change.delegation : undefined;
    if (sameDelegation(roles[at], wanted)) continue;
    if (!sameDelegation(roles[at], change.base.content)) {
      contradictions.push(delegationContradiction(name, wanted, roles[at], change.base));
      continue;
    }
    count += 1;
    if (change.kind === 'delegate') for (const key of change.keys) addKey(keys, key);
    if (wanted === undefined) roles.splice(at, 1);
    else if (at < 0) roles.push(wanted);
    else roles[at] = wanted;
  }
  return { next: { keys: used(keys, roles), roles }, count };
}

/** A key the document lists already stays as it is listed. */
function addKey(keys: Map<KeyId, PublicKey>, key: PublicKey): void {
  if (!keys.has(key.id)) keys.set(key.id, key);
}

function used(keys: ReadonlyMap<KeyId, PublicKey>, roles: readonly Delegation[]): Map<KeyId, PublicKey> {
  const named = new Set(roles.flatMap((role) => role.keyIds));
  return new Map([...keys].filter(([id]) => named.has(id)));
}

function delegationContradiction(
  name: RoleName,
  wanted: Delegation | undefined,
  now: Delegation | undefined,
  base: Base<Delegation>,
): Contradiction {
  return {
    what: `delegation ${name}`,
    mine: describeDelegation(wanted),
    theirs: describeDelegation(now),
    since: base.version,
  };
}

function contradicted(role: RoleName, current: number, all: readonly Contradiction[]): CountersignError {
  const [first] = all;
  const what = all.length === 1 ? (first?.what ?? '') : `${all.length} targets`;
  return new CountersignError('contradiction', `somebody else has changed ${what} in ${role}, differently from you`, {
    detail: {
      role,
      current,
      contradictions: all.map(
        ({ what, mine, theirs, since }) =>
          `${what}: you have ${mine}, version ${current} has ${theirs} (you last saw version ${since})`,
      ),
    },
    next: 'Look at both; then add or remove it again to publish yours over it, or drop your change with `countersign reset`.',
  });
}

/** Whether two entries describe the same bytes: equal lengths, and equal digests by every algorithm both list, at least one. */
export function sameTarget(a: TargetFile | undefined, b: TargetFile | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.length !== b.length) return false;
  const common = [...a.hashes].flatMap(([algorithm, mine]) => {
    const theirs = b.hashes.get(algorithm);
    return theirs === undefined ? [] : [[mine, theirs] as const];
  });
  return common.length > 0 && common.every(([mine, theirs]) => equalBytes(mine, theirs));
}

export function sameDelegation(a: Delegation | undefined, b: Delegation | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.threshold === b.threshold &&
    a.terminating === b.terminating &&
    sameList(a.keyIds, b.keyIds) &&
    sameList(pathsOf(a.paths), pathsOf(b.paths))
  );
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((entry, index) => entry === b[index]);
}

function pathsOf(paths: PathSet): readonly string[] {
  switch (paths.kind) {
    case 'globs':
      return [paths.kind, ...paths.patterns];
    case 'hash-prefixes':
    case 'prefixes':
      return [paths.kind, ...paths.prefixes];
    case 'bins':
      return [paths.kind, `${paths.bitLength}/${paths.index}`];
  }
}

function describeTarget(file: TargetFile | undefined): string {
  if (file === undefined) return 'nothing';
  const [algorithm, hash] = file.hashes.entries().next().value ?? ['no hash', new Uint8Array()];
  return `${file.length} bytes with ${algorithm} ${hexEncode(hash).slice(0, 16)}…`;
}

function describeDelegation(delegation: Delegation | undefined): string {
  if (delegation === undefined) return 'none';
  const keys = delegation.keyIds.map((id) => id.slice(0, 12)).join(', ');
  return `keys ${keys} for ${pathsOf(delegation.paths).slice(1).join(' ')}`;
}
