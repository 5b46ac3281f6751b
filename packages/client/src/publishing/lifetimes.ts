import { instant, type Instant } from '../tuf/names.js';

const DAY = 86_400_000;

/** How long what a publisher signs stays valid, in days. */
export interface Lifetimes {
  readonly root: number;
  readonly targets: number;
  /** Of a snapshot that the publisher signs. */
  readonly snapshot: number;
}

/** The longest a person may ask for here, in days; a server may allow less (`lifetime`). */
export const MAX_LIFETIME = 10 * 366;

export function expiry(now: Instant, days: number): Instant {
  // Whole seconds, as they are written (§4.2.3).
  return instant(Math.floor(now / 1000) * 1000 + days * DAY);
}

/** Whether something signed for about `days` is to be signed anew: in the last third of its life, at most the last 30 days. */
export function isExpiring(expires: Instant, now: Instant, days: number): boolean {
  return expires - now <= Math.min(30, days / 3) * DAY;
}
