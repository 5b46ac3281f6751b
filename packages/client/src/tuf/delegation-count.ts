import { CountersignError } from './errors.js';
import { refreshLimits, type RefreshOptions } from './refresh.js';

/**
 * Counts the delegations followed to read every role of a collection: where all roles delegate to all, there are as many as
 * roles squared. @returns to be called for each; it throws `too-many` beyond `limits.reachable`
 */
export function delegationCount(options: Pick<RefreshOptions, 'limits'>): () => void {
  const { reachable } = refreshLimits(options);
  let followed = 0;
  return () => {
    followed += 1;
    if (followed <= reachable) return;
    throw new CountersignError('too-many', `more than ${reachable} delegations lead to the roles of this collection`, {
      detail: { limit: reachable },
      next: 'Look targets up one by one; or raise `limits.reachable`, if the collection is meant to be so large.',
    });
  };
}
