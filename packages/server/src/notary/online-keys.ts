import {
  CountersignError,
  digest,
  hexEncode,
  type Crypto,
  type Envelope,
  type Gun,
  type Instant,
  type Root,
} from '@countersign/client/tuf';
import type { OnlineKey } from '../collection/index.js';

/** Where to ask what the signer of this server holds. */
export interface KeyHolder {
  findKey(id: string): Promise<(Pick<OnlineKey, 'role' | 'algorithm'> & { readonly gun: string }) | undefined>;
}

/**
 * The keys of a root's online roles that the signer of this server really holds for them: those of the timestamp, and of
 * the snapshot where the publisher does not sign it.
 * @throws CountersignError `missing-key` where it lacks one that is needed; `unavailable`
 */
export async function heldKeys(
  signer: KeyHolder,
  gun: Gun,
  root: Envelope<Root>,
  context: { readonly crypto: Pick<Crypto, 'hash'>; readonly now: Instant },
): Promise<readonly OnlineKey[]> {
  const held: OnlineKey[] = [];
  for (const role of ['timestamp', 'snapshot'] as const) {
    const { keyIds } = root.signed.roles[role];
    const before = held.length;
    for (const keyId of keyIds) {
      const spki = root.signed.keys.get(keyId)?.spki ?? new Uint8Array(0);
      const id = hexEncode(digest(context.crypto, 'sha256', spki));
      const found = await signer.findKey(id);
      if (found?.gun !== gun || found.role !== role) continue;
      held.push({ id, gun, role, algorithm: found.algorithm, spki, pending: false, createdAt: context.now });
    }
    const lacking = keyIds.length - (held.length - before);
    if (lacking > 0 && (role === 'timestamp' || held.length > before)) throw notHeld(role, lacking, root);
  }
  return held;
}

function notHeld(role: OnlineKey['role'], lacking: number, { signed }: Envelope<Root>): CountersignError {
  return new CountersignError(
    'missing-key',
    `the signer does not hold ${lacking} of the ${role} keys that root version ${signed.version} names; run countersign-signer import-notary first`,
    { detail: { role, version: signed.version } },
  );
}
