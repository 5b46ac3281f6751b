import type { Signature } from './model.js';

/**
 * A signed file. The parsed payload, the exact bytes its signatures cover and the received file are one frozen value, so
 * that they can never be exchanged for one another. `signedBytes` is the canonical form of what was received, never a
 * re-encoding of the model; `raw` is stored, served and hashed unchanged.
 */
export interface Envelope<T> {
  readonly signed: T;
  readonly signedBytes: Uint8Array;
  readonly signatures: readonly Signature[];
  readonly raw: Uint8Array;
}

export function envelope<T>(parts: Envelope<T>): Envelope<T> {
  return Object.freeze({ ...parts, signatures: Object.freeze([...parts.signatures]) });
}
