import { createHash } from 'node:crypto';
import { CountersignError } from '@countersign/client/tuf';

/** What is known of a target file once all its bytes have passed. */
export interface Measured {
  readonly sha256: string;
  readonly sha512: string;
  /** Bytes. */
  readonly length: number;
}

/** Measures a stream as it passes, and stops it when it is longer than `maxBytes`. */
export class Measure {
  readonly #maxBytes: number;
  readonly #sha256 = createHash('sha256');
  readonly #sha512 = createHash('sha512');
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @throws CountersignError `too-large` */
  async *through(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      this.#length += chunk.length;
      if (this.#length > this.#maxBytes) {
        throw new CountersignError('too-large', `the target file is larger than ${this.#maxBytes} bytes`, {
          detail: { limit: this.#maxBytes },
          next: 'Upload a smaller file, or ask the operator to raise the limit.',
        });
      }
      this.#sha256.update(chunk);
      this.#sha512.update(chunk);
      yield chunk;
    }
  }

  /** To be called once, when `through` has ended. */
  result(): Measured {
    return { sha256: this.#sha256.digest('hex'), sha512: this.#sha512.digest('hex'), length: this.#length };
  }
}
