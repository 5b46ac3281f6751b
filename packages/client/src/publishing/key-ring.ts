import { CountersignError } from '../tuf/errors.js';
import type { KeyId, RoleName } from '../tuf/names.js';
import type { PublicKey, Role } from '../tuf/model.js';
import { signAs, type KeySigner } from '../tuf/sign.js';
import type { Crypto } from '../tuf/crypto.js';
import type { Format } from '../tuf/formats/format.js';

/** The private keys a person holds. */
export interface KeyRing {
  /** Those of `keys` whose private half is here; opens nothing. */
  held(keys: readonly PublicKey[]): Promise<readonly PublicKey[]>;
  /** A signer for each of `keys`, in their order; they must be held. @throws CountersignError `unsealed`, `usage` without a passphrase */
  open(keys: readonly PublicKey[]): Promise<readonly KeySigner[]>;
}

/** Keys that may sign for a role, and how many of them must. */
export interface Authority {
  readonly role: Role;
  readonly keys: ReadonlyMap<KeyId, PublicKey>;
}

export function keysOf({ role, keys }: Authority): readonly PublicKey[] {
  return role.keyIds.flatMap((id) => keys.get(id) ?? []);
}

/** Whether this person can sign for the role alone. */
export async function canSign(ring: KeyRing, authority: Authority): Promise<boolean> {
  const held = await ring.held(keysOf(authority));
  return held.length >= authority.role.threshold;
}

/**
 * The signers this person has for a role, under the ids it lists their keys by.
 * @throws CountersignError `missing-key` where they are too few
 */
export async function signersFor(
  ring: KeyRing,
  authority: Authority,
): Promise<readonly (readonly [KeyId, KeySigner])[]> {
  const { role } = authority;
  const held = await ring.held(keysOf(authority));
  if (held.length < role.threshold) throw missingKey(role.name, held.length, role);
  const signers = await ring.open(held);
  return held.flatMap(({ id }, at) => (signers[at] === undefined ? [] : [[id, signers[at]]]));
}

/** Signs with `extra`, and every key this person has among those of `authorities`, each of which must be satisfied. */
export async function sign(
  context: { readonly format: Format; readonly crypto: Pick<Crypto, 'hash'>; readonly ring: KeyRing },
  signedBytes: Uint8Array,
  authorities: readonly Authority[],
  extra: readonly KeySigner[] = [],
): Promise<Uint8Array> {
  const { format, crypto, ring } = context;
  const signers = new Map(extra.map((signer) => [format.keyId(signer.key, crypto), signer]));
  for (const authority of authorities)
    for (const [id, signer] of await signersFor(ring, authority)) signers.set(id, signer);
  return signAs(format, signedBytes, signers);
}

function missingKey(name: RoleName, held: number, role: Role): CountersignError {
  return new CountersignError('missing-key', `you hold ${held} of the ${role.threshold} keys that must sign ${name}`, {
    detail: { role: name, threshold: role.threshold, keys: role.keyIds.map(String) },
    next: 'Import the key with `countersign key import FILE`, or publish a role that is yours with --role.',
  });
}
