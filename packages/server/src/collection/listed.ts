import { CountersignError, SNAPSHOT, type RoleName } from '@countersign/client/tuf';
import type { CollectionContext } from './context.js';
import type { SnapshotPlan } from './countersign.js';
import type { Step } from './walk.js';

/**
 * How much the next snapshot may list. Where roles never leave it, whoever may name roles could make it grow until no client
 * and no signer takes it any more, and nobody could publish anything ever again. Adding is what has a limit: updates,
 * removals, rotations and renewals pass whatever is listed already.
 * @throws CountersignError `too-many`
 */
export function checkListing(context: CollectionContext, { upload, published }: Step, plan: SnapshotPlan): void {
  if (plan.kind === 'keep') return;
  const names: Iterable<RoleName> = plan.kind === 'uploaded' ? plan.snapshot.signed.meta.keys() : upload.targets.keys();
  let added = 0;
  for (const name of names) if (published?.has(name) !== true) added += 1;
  const before = published?.snapshot.signed.meta.size ?? 0;
  const limit = context.policy.maxSnapshotRoles;
  if (added === 0 || before + added <= limit) return;
  throw new CountersignError(
    'too-many',
    `the snapshot lists ${before} roles, those no longer delegated to among them; ${added} more are over the limit`,
    { detail: { role: SNAPSHOT, limit }, next: 'Use the names of roles you no longer need again.' },
  );
}
