import type { Gun, Instant } from '@countersign/client/tuf';

/** A line of another server's changefeed. */
export interface CopiedChange {
  /** From 1 up, as that server counts. */
  readonly id: number;
  readonly gun: Gun;
  readonly version: number;
  /** As in `Change`. */
  readonly sha256: string;
  readonly category: 'update' | 'deletion';
  readonly createdAt: Instant;
}

/**
 * Changefeeds of other servers, copied into this one's. `feed` names one for good. Lines keep their numbers, so that whoever
 * follows the feed goes on where they were, as long as this server has had nothing of its own to say; from then on they get
 * new ones, after all that were given.
 */
export interface ChangefeedCopies {
  /** The other server's id of the last line that was copied; 0 before the first. */
  upTo(feed: string): Promise<number>;
  /** Adds those of `changes`, in the order of their ids, that are after `upTo`: all of them or none. */
  add(feed: string, changes: readonly CopiedChange[]): Promise<void>;
}
