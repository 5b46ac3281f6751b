import type { Format } from '@countersign/client/tuf';
import type { OnlineLifetimes, Policy } from './service.js';

/** How long what this server signs lasts in a format, and after which time it signs it anew. */
export function lifetimesOf(policy: Policy, format: Pick<Format, 'name'>): OnlineLifetimes {
  return policy.byFormat[format.name] ?? policy;
}
