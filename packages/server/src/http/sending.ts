import { Readable } from 'node:stream';
import type { Context } from 'koa';
import { CountersignError } from '@countersign/client/tuf';
import type { StoredFile } from '../collection/ports.js';

/** Smaller files are not counted: all connections there may be hold less of them than a publish takes. */
const COUNTED = 16 * 1024;
/** Bytes given to a connection at once: under TLS each has a copy of what it was given and has not sent. */
const PIECE = 64 * 1024;

/** What is sent; `sha256` is equal for equal bytes. */
type SentFile = Pick<StoredFile, 'sha256' | 'bytes'>;

interface Held {
  readonly bytes: Uint8Array;
  readers: number;
}

/**
 * The metadata files that are being sent. A reader that does not read keeps its file in memory for as long as its connection
 * may be idle; so all who read the same file share one buffer, and all files together have a limit.
 */
export class Sending {
  readonly #limit: number;
  readonly #held = new Map<string, Held>();
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Makes `file` the body of an answer, until that is sent or its connection lost.
   * @throws CountersignError `unavailable` where there is no room for one more file
   */
  send({ res, response }: Context, file: SentFile): void {
    const { length } = file.bytes;
    // A connection that is gone already would never tell.
    const counted = length >= COUNTED && !res.destroyed;
    const bytes = counted ? this.#hold(file) : file.bytes;
    if (counted) res.once('close', () => this.#release(file.sha256));
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, length);
    response.body = length > PIECE ? Readable.from(pieces(buffer), { objectMode: false }) : buffer;
    res.setHeader('Content-Length', length);
  }

  #hold({ sha256, bytes }: SentFile): Uint8Array {
    const known = this.#held.get(sha256);
    if (known !== undefined) {
      known.readers += 1;
      return known.bytes;
    }
    if (this.#bytes + bytes.length > this.#limit) throw busy(this.#limit);
    this.#bytes += bytes.length;
    this.#held.set(sha256, { bytes, readers: 1 });
    return bytes;
  }

  #release(sha256: string): void {
    const held = this.#held.get(sha256);
    if (held === undefined) return;
    held.readers -= 1;
    if (held.readers > 0) return;
    this.#held.delete(sha256);
    this.#bytes -= held.bytes.length;
  }
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
}

function busy(limit: number): CountersignError {
  return new CountersignError('unavailable', `slow readers are being sent the ${limit} bytes there are for answers`, {
    detail: { limit },
    next: 'Ask again in a few seconds.',
  });
}
