import type { Snapshot, Timestamp } from './model.js';

const made = new WeakSet<object>();

/**
 * An unsigned snapshot or timestamp that a server is about to have signed. The trusted set accepts one in place of a signed
 * file, with every other check; only the server's `publish` and `renew` may make one (`scripts/check-imports` sees to it),
 * so that no client can be handed one.
 */
export interface Proposed<T extends Snapshot | Timestamp> {
  readonly proposed: T;
  /** Stands for the file's bytes wherever length and hashes would be promised; they are not known yet. */
  readonly signedBytes: Uint8Array;
}

export function propose<T extends Snapshot | Timestamp>(proposed: T, signedBytes: Uint8Array): Proposed<T> {
  const value = Object.freeze({ proposed, signedBytes });
  made.add(value);
  return value;
}

export function isProposed(value: object): boolean {
  return made.has(value);
}
