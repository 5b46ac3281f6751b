import { digest, type Crypto } from './crypto.js';
import { hexEncode } from './encoding.js';
import type { Envelope } from './envelope.js';
import { CountersignError } from './errors.js';
import type { KeyId } from './names.js';
import type { PublicKey, Role } from './model.js';

/** Who signed a file, among the keys of the role it was checked against. */
export interface Signers {
  readonly role: Role;
  /** One id for each distinct key with a valid signature. */
  readonly signedBy: readonly KeyId[];
}

type Keys = ReadonlyMap<KeyId, PublicKey>;

/**
 * Counts distinct keys, not signatures (§4.2.1, K2): it walks the role's keys and looks each one's signature up, so that a
 * repeated signature cannot count twice, and a key under two ids counts once. Unknown keys and bad signatures are ignored.
 */
async function count(
  role: Role,
  keys: Keys,
  file: Envelope<unknown>,
  crypto: Crypto,
  enough: number,
): Promise<readonly KeyId[]> {
  const counted = new Set<string>();
  const signedBy: KeyId[] = [];
  for (const id of role.keyIds) {
    const key = keys.get(id);
    if (key?.scheme === undefined || counted.has(key.identity)) continue;
    const signature = file.signatures.find(({ keyId, value }) => keyId === id && value.length > 0);
    if (signature === undefined || !isUnderItsId(key, id, crypto)) continue;
    if (!(await crypto.verify(key, signature, file.signedBytes))) continue;
    counted.add(key.identity);
    signedBy.push(id);
    if (signedBy.length >= enough) break;
  }
  return signedBy;
}

function isUnderItsId({ idPreimage }: PublicKey, id: KeyId, crypto: Crypto): boolean {
  return idPreimage === undefined || hexEncode(digest(crypto, 'sha256', idPreimage)) === id;
}

/** All keys of `role` that have validly signed `file`. Decides nothing. */
export async function whoSigned(role: Role, keys: Keys, file: Envelope<unknown>, crypto: Crypto): Promise<Signers> {
  return { role, signedBy: await count(role, keys, file, crypto, Number.POSITIVE_INFINITY) };
}

/**
 * The only place where signatures decide anything: returns if at least `role.threshold` distinct keys of `role` have signed
 * `file`, else throws. `by` says whose demand it is, for the message ("root version 3").
 * @throws CountersignError `threshold`
 */
export async function verifyRole(
  role: Role,
  keys: Keys,
  file: Envelope<unknown>,
  crypto: Crypto,
  by: string,
): Promise<void> {
  if (!Number.isSafeInteger(role.threshold) || role.threshold < 1) {
    throw new CountersignError(
      'threshold',
      `role ${role.name} has a threshold of ${role.threshold} in ${by}; it must be at least 1`,
    );
  }
  const signedBy = await count(role, keys, file, crypto, role.threshold);
  if (signedBy.length >= role.threshold) return;
  throw new CountersignError(
    'threshold',
    `${role.name} carries ${signedBy.length} of the ${role.threshold} valid signatures that ${by} asks for`,
    {
      detail: { role: role.name, signed: signedBy.length, threshold: role.threshold, keys: role.keyIds.map(String) },
      next: `Sign ${role.name} with ${role.threshold - signedBy.length} more of the keys ${by} lists for it.`,
    },
  );
}
