import { CountersignError, type Gun } from '@countersign/client/tuf';

/** What of the name space this server serves, and how long names may be kept. */
export interface Offer {
  /** Comes before every path, `/notary` say; empty, nothing does. */
  readonly pathPrefix: string;
  /** What names of collections begin with, one of these; empty, anything is a name. */
  readonly gunPrefixes: readonly string[];
  /** Seconds that a cache may keep current files of Notary collections under their names; 0, not without asking. */
  readonly notaryCurrent: number;
}

export const OFFER_ALL: Offer = { pathPrefix: '', gunPrefixes: [], notaryCurrent: 0 };

/**
 * Refuses a collection that is none of this server's, whatever is asked of it and whoever asks.
 * @throws CountersignError `invalid-name` with the `prefixes` there are
 */
export function checkOffered({ gunPrefixes }: Offer, gun: Gun): void {
  if (gunPrefixes.length === 0 || gunPrefixes.some((prefix) => gun.startsWith(prefix))) return;
  throw new CountersignError('invalid-name', `this server has no collections called like ${gun.slice(0, 100)}`, {
    detail: { prefixes: gunPrefixes },
    next: `Use a name that begins with ${gunPrefixes.join(' or ')}.`,
  });
}
