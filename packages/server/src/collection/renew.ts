import { CountersignError, ROOT, type Gun, type Instant } from '@countersign/client/tuf';
import { commitOf } from './commit.js';
import type { CollectionContext } from './context.js';
import { Countersigner, type SnapshotPlan } from './countersign.js';
import { lifetimesOf } from './lifetimes.js';
import { onlineRoles, type OnlineRoles } from './online.js';
import { Published } from './published.js';
import { walk, type Step } from './walk.js';
import { Work } from './work.js';

const AT_ONCE = 4;
const BATCH = 100;

/**
 * Signs a collection's timestamp anew, and its snapshot where that is due too. An expired root or expired targets do not
 * stop it. Losing the swap is fine: then somebody else has just renewed or published.
 * @throws CountersignError `not-found`, or what the signer and the store throw
 */
export async function renew(context: CollectionContext, gun: Gun): Promise<void> {
  const now = context.clock();
  const published = await Published.load(gun, context.store, context.documents, context.formatNamed);
  if (published === undefined) throw new CountersignError('not-found', `there is no collection ${gun}`);
  const step: Step = {
    gun,
    format: published.format,
    published,
    upload: { root: undefined, snapshot: undefined, targets: new Map() },
    past: new Map(),
    work: new Work(context.policy.maxPublishWork),
    now,
  };
  const root = published.format.parseRoot(published.bytes(ROOT));
  const keys = await onlineRoles(context, gun, root);
  const plan = snapshotDue(context, published, keys, now);
  const countersigner = new Countersigner(context, step, root, keys, plan);
  await walk(context, step, countersigner.propose());
  const signed = await countersigner.sign();
  if (signed === undefined) return;
  await walk(context, step, { snapshot: signed.snapshot?.raw, timestamp: signed.timestamp.raw });
  const wanted = commitOf(context, step, signed, keys, { change: new Map(), required: new Set() });
  await context.store.commit(wanted);
  context.documents.remember([...wanted.files, wanted.timestamp]);
}

function snapshotDue(context: CollectionContext, published: Published, keys: OnlineRoles, now: Instant): SnapshotPlan {
  const { createdAt, expires } = published.head.snapshot;
  const period = lifetimesOf(context.policy, published.format).snapshotSigningPeriod * 1000;
  const due = createdAt + period <= now || expires <= now;
  return due && keys.snapshot.length > 0 ? { kind: 'make', meta: new Map() } : { kind: 'keep' };
}

/** Renews what is due, a few at a time; a collection that cannot be renewed now is reported and tried again next time. */
export async function renewDue(
  context: CollectionContext,
): Promise<{ readonly renewed: number; readonly failed: number }> {
  const due = await context.store.due(context.clock(), BATCH);
  let [renewed, failed] = [0, 0];
  const waiting = due[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const { gun } of waiting) {
      try {
        await renew(context, gun);
        renewed += 1;
      } catch (error) {
        failed += 1;
        context.log.warn({ gun, err: error }, 'could not renew; will try again');
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { renewed, failed };
}
