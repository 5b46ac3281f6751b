import type { DelegationChange } from './changes.js';
import { baseOf, delegationIn, extendDelegation } from './extend-delegation.js';
import { CountersignError } from '../tuf/errors.js';
import type { Delegation, PublicKey, Targets } from '../tuf/model.js';
import { parseRoleName, TARGETS, type KeyId, type RoleName } from '../tuf/names.js';

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
  return [signerRole(name), RELEASES].map((role) =>
    extendDelegation(TARGETS, targets, { name: role, keys: [key], prefixes: [''] }),
  );
}

/** Takes a signer out, and those keys out of `RELEASES` that no other signer has. @throws CountersignError `not-found` */
export function removeSigner(targets: Targets, name: string): readonly DelegationChange[] {
  const role = signerRole(name);
  const before = delegationIn(targets, role);
  if (before === undefined) {
    const names = signersOf(targets).map((signer) => signer.name);
    throw new CountersignError('not-found', `there is no signer ${name}`, {
      next: names.length === 0 ? 'There are none.' : `There is ${names.join(', ')}.`,
    });
  }
  const others = new Set(signersOf(targets).flatMap((signer) => (signer.name === name ? [] : signer.keyIds)));
  const gone = (id: KeyId): boolean => before.keyIds.includes(id) && !others.has(id);
  const changes: DelegationChange[] = [undelegate(targets, role)];
  const releases = delegationIn(targets, RELEASES);
  if (releases?.keyIds.some(gone) !== true) return changes;
  const keyIds = releases.keyIds.filter((id) => !gone(id));
  if (keyIds.length === 0) return [...changes, undelegate(targets, RELEASES)];
  const base = baseOf(targets, RELEASES);
  return [...changes, { kind: 'delegate', role: TARGETS, delegation: { ...releases, keyIds }, keys: [], base }];
}

function undelegate(targets: Targets, name: RoleName): DelegationChange {
  return { kind: 'undelegate', role: TARGETS, name, base: baseOf(targets, name) };
}
