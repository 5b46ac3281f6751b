import { hasCode, type Instant } from '@countersign/client/tuf';
import type { CollectionContext } from './context.js';
import type { OnlineKey } from './ports.js';

const BATCH = 100;
const MOST_BATCHES = 1_000;

/**
 * Forgets pending keys that no published root has used in time. In this order: the store forgets them, so that no commit can
 * use them any more; the signer deletes them; their records go. Whatever dies in between, the next run goes on from there,
 * and no published root ever names a key that was deleted.
 * @throws CountersignError `unavailable` when the signer does not answer; what was forgotten is deleted by the next run
 */
export async function forgetKeys(context: CollectionContext): Promise<{ readonly forgotten: number }> {
  const { store, policy } = context;
  const before = (context.clock() - policy.pendingKeyLifetime * 1000) as Instant;
  let forgotten = 0;
  for (let number = 0; number < MOST_BATCHES; number += 1) {
    const keys = await store.forgetPendingKeys(before, BATCH);
    for (const key of keys) await deleteAtSigner(context, key);
    await store.dropForgottenKeys(keys.map(({ id }) => id));
    forgotten += keys.length;
    if (keys.length < BATCH) break;
  }
  return { forgotten };
}

/** A key that signed for a publish which then failed stays in the signer, named by nobody. */
async function deleteAtSigner({ signer, log }: CollectionContext, { id, gun, role }: OnlineKey): Promise<void> {
  try {
    await signer.deleteKey(id);
  } catch (error) {
    if (!hasCode(error, 'policy')) throw error;
    log.info({ gun, role, key: id }, 'a key that has signed and was never published stays in the signer');
  }
}
