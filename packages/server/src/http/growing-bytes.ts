const FIRST = 256;

/**
 * Bytes that arrive in pieces. The pieces are copied: a chunk object costs more than a hundred bytes whatever is in it, so
 * that whoever sends one byte a chunk would make us keep a hundred times what he sent.
 */
export class GrowingBytes {
  readonly #most: number;
  #bytes = Buffer.alloc(0);
  #length = 0;

  /** `most`: what is beyond so many bytes is dropped; whoever fills it reports that. */
  constructor(most: number) {
    this.#most = most;
  }

  add(chunk: Uint8Array): void {
    const taken = chunk.subarray(0, this.#most - this.#length);
    this.#makeRoomFor(this.#length + taken.length);
    this.#bytes.set(taken, this.#length);
    this.#length += taken.length;
  }

  /** What was added, in memory of exactly its size. */
  whole(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  /** Doubles, so that n bytes are copied at most twice over and at most 2n are held. */
  #makeRoomFor(length: number): void {
    if (length <= this.#bytes.length) return;
    const bytes = Buffer.allocUnsafeSlow(Math.min(this.#most, Math.max(length, FIRST, 2 * this.#bytes.length)));
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
  }
}
