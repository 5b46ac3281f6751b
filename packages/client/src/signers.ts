import type { DelegationChange } from './changes.js';
import { CountersignError } from './tuf/errors.js';
import type { Delegation, PublicKey, Targets } from './tuf/model.js';
import { parseRoleName, TARGETS, type KeyId, type RoleName } from './tuf/names.js';

/** The role whose targets `docker` pulls; every signer may sign for it. */
export const RELEASES = parseRoleName('targets/releases');

/** Somebody who signs images of a collection, as `docker trust` has it: a delegated role, with the same keys in `RELEASES`. */
export interface Signer {
  readonly name: string;
  readonly keyIds: readonly KeyId[];
}

/** The role of a signer. @throws CountersignError `invalid-name` */
export function signerRole(name: string): RoleName {
  if (/^[a-z0-9][-a-z0-9_]{0,200}$/u.test(name) && `targets/${name}` !== RELEASES)
    return parseRoleName(`targets/${name}`);
  throw new CountersignError('invalid-name', `${JSON.stringify(name.slice(0, 100))} is not a name for a signer`, {
    next: 'Use small letters, digits, "-" and "_"; "releases" is taken.',
  });
}

export function signersOf({ delegations }: Targets): readonly Signer[] {
  const isSigner = ({ name }: Delegation): boolean => name !== RELEASES && /^targets\/[^/]+$/u.test(name);
  return (delegations?.roles ?? [])
    .filter(isSigner)
    .map(({ name, keyIds }) => ({ name: name.slice('targets/'.length), keyIds }));
}

/** Gives a signer, new or not, one more key. */
export function addSigner(targets: Targets, name: string, key: PublicKey): readonly DelegationChange[] {
  return [signerRole(name), RELEASES].map((role) => {
    const before = find(targets, role);
    const keyIds = [...new Set([...(before?.keyIds ?? []), key.id])];
    return delegate(targets, { ...(before ?? EVERYTHING), name: role, keyIds }, [key]);
  });
}

/** Takes a signer out, and those keys out of `RELEASES` that no other signer has. @throws CountersignError `not-found` */
export function removeSigner(targets: Targets, name: string): readonly DelegationChange[] {
  const role = signerRole(name);
  const before = find(targets, role);
  if (before === undefined) {
    const names = signersOf(targets).map((signer) => signer.name);
    throw new CountersignError('not-found', `there is no signer ${name}`, {
      next: names.length === 0 ? 'There are none.' : `There is ${names.join(', ')}.`,
    });
  }
  const base = { version: targets.version, content: before };
  const others = new Set(signersOf(targets).flatMap((signer) => (signer.name === name ? [] : signer.keyIds)));
  const releases = find(targets, RELEASES);
  const gone = (id: KeyId): boolean => before.keyIds.includes(id) && !others.has(id);
  const changes: DelegationChange[] = [{ kind: 'undelegate', role: TARGETS, name: role, base }];
  if (releases?.keyIds.some(gone) !== true) return changes;
  const keyIds = releases.keyIds.filter((id) => !gone(id));
  const last = { kind: 'undelegate', role: TARGETS, name: RELEASES, base: { ...base, content: releases } } as const;
  return [...changes, keyIds.length === 0 ? last : delegate(targets, { ...releases, keyIds }, [])];
}

const EVERYTHING = { threshold: 1, paths: { kind: 'prefixes', prefixes: [''] }, terminating: false } as const;

function delegate(targets: Targets, delegation: Delegation, keys: readonly PublicKey[]): DelegationChange {
  const { name, keyIds, threshold, paths, terminating } = delegation;
  const base = { version: targets.version, content: find(targets, name) };
  return { kind: 'delegate', role: TARGETS, delegation: { name, keyIds, threshold, paths, terminating }, keys, base };
}

function find({ delegations }: Targets, name: RoleName): Delegation | undefined {
  return delegations?.roles.find((delegation) => delegation.name === name);
}
