import type { Base, DelegationChange } from './changes.js';
import { CountersignError } from '../tuf/errors.js';
import type { Delegation, PathSet, PublicKey, Targets } from '../tuf/model.js';
import type { KeyId, RoleName } from '../tuf/names.js';

/** What a delegation by prefixes of paths (Notary v1) is to have, beside what it has already. */
export interface Extension {
  readonly name: RoleName;
  readonly keys: readonly PublicKey[];
  /** An empty one covers everything. */
  readonly prefixes: readonly string[];
}

/** Delegates to a role, or gives a delegated one more keys and paths, as Notary's tools do: any one of the keys signs then. */
export function extendDelegation(by: RoleName, current: Targets | undefined, added: Extension): DelegationChange {
  const before = delegationIn(current, added.name);
  const delegation: Delegation = {
    name: added.name,
    keyIds: union<KeyId>(
      before?.keyIds ?? [],
      added.keys.map((key) => key.id),
    ),
    threshold: before?.threshold ?? 1,
    paths: { kind: 'prefixes', prefixes: union(prefixesOf(before?.paths), added.prefixes) },
    terminating: false,
  };
  return { kind: 'delegate', role: by, delegation, keys: added.keys, base: baseOf(current, added.name) };
}

/**
 * Takes keys from a delegated role, which keeps the others; what only the gone ones have signed nobody trusts any more.
 * @throws CountersignError `usage` where too few would stay
 */
export function withdrawKeys(
  by: RoleName,
  current: Targets | undefined,
  before: Delegation,
  gone: ReadonlySet<KeyId>,
): DelegationChange {
  const keyIds = before.keyIds.filter((id) => !gone.has(id));
  if (keyIds.length >= before.threshold)
    return {
      kind: 'delegate',
      role: by,
      delegation: { ...before, keyIds },
      keys: [],
      base: baseOf(current, before.name),
    };
  throw new CountersignError(
    'usage',
    `${before.name} needs ${before.threshold} keys, and would keep ${keyIds.length}`,
    {
      detail: { role: before.name, threshold: before.threshold },
      next: 'Add another key first; or take the whole delegation back, without --key.',
    },
  );
}

export function delegationIn(targets: Targets | undefined, name: RoleName): Delegation | undefined {
  return targets?.delegations?.roles.find((delegation) => delegation.name === name);
}

/** What a change of the delegation to `name` is based on. */
export function baseOf(targets: Targets | undefined, name: RoleName): Base<Delegation> {
  return { version: targets?.version ?? 0, content: delegationIn(targets, name) };
}

function prefixesOf(paths: PathSet | undefined): readonly string[] {
  return paths?.kind === 'prefixes' ? paths.prefixes : [];
}

function union<T extends string>(before: readonly T[], added: readonly T[]): readonly T[] {
  return [...new Set([...before, ...added])];
}
