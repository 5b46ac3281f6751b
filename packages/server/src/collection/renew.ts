import { CountersignError, ROOT, type Gun, type Instant } from '@countersign/client/tuf';
import { commitOf } from './commit.js';
import type { CollectionContext } from './context.js';
import { Countersigner, type SnapshotPlan } from './countersign.js';
import { lifetimesOf } from './lifetimes.js';
import { unlessMirror, type OnlineRoles } from './online.js';
import type { DueCollection, Signer } from './ports.js';
import { Published } from './published.js';
import { walk, type Step } from './walk.js';
import { Work } from './work.js';

const AT_ONCE = 4;
const PAGE = 100;

/**
 * Signs a collection's timestamp anew, and its snapshot where that is due too. An expired root or expired targets do not
 * stop it. Losing the swap is fine: then somebody else has just renewed or published. A mirror nobody here can renew.
 * @throws CountersignError `not-found`, or what the signer and the store throw
 */
export async function renew(context: CollectionContext, gun: Gun): Promise<'renewed' | 'mirror'> {
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
  const keys = await unlessMirror(context, gun, root);
  if (keys === undefined) return 'mirror';
  const sign = (plan: SnapshotPlan): Promise<void> =>
    countersign(context, step, keys, new Countersigner(context, step, root, keys, plan));
  const plan = snapshotDue(context, published, keys, now);
  try {
    await sign(plan);
  } catch (error) {
    // A snapshot that cannot be signed must not take the timestamp down with it: it is still good for weeks.
    if (plan.kind === 'keep' || !(error instanceof CountersignError) || error.code === 'unavailable') throw error;
    context.log.warn({ gun, err: error }, 'could not renew the snapshot; renewing the timestamp alone');
    await sign({ kind: 'keep' });
  }
  return 'renewed';
}

async function countersign(
  context: CollectionContext,
  step: Step,
  keys: OnlineRoles,
  countersigner: Countersigner,
): Promise<void> {
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

/** Who was tried, and how it went. */
interface Tally {
  renewed: number;
  failed: number;
}

/**
 * Renews what is due, a few at a time. What cannot be renewed now is reported and tried again next time; it keeps nobody else
 * waiting, since each run goes through everything that is due, page by page. Only when the signer answers nobody, it stops.
 */
export async function renewDue(context: CollectionContext): Promise<Readonly<Tally>> {
  const now = context.clock();
  const total: Tally = { renewed: 0, failed: 0 };
  for (let last: DueCollection | undefined; ;) {
    const due = await context.store.due(now, PAGE, last);
    const page = await renewPage(context, due);
    total.renewed += page.renewed;
    total.failed += page.failed;
    last = due.at(-1);
    if (last === undefined || due.length < PAGE) return total;
    if (page.renewed === 0 && !(await answers(context.signer))) return total;
  }
}

async function renewPage(context: CollectionContext, due: readonly DueCollection[]): Promise<Tally> {
  const page: Tally = { renewed: 0, failed: 0 };
  const waiting = due[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const { gun } of waiting) {
      try {
        if ((await renew(context, gun)) === 'mirror') continue;
        page.renewed += 1;
        context.meter.renewal('job', 'done');
      } catch (error) {
        page.failed += 1;
        context.meter.renewal('job', 'failed');
        context.log.warn({ gun, err: error }, 'could not renew; will try again');
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return page;
}

async function answers(signer: Signer): Promise<boolean> {
  return signer.ping().then(
    () => true,
    () => false,
  );
}
