import type { Crypto, Hasher } from '../tuf/crypto.js';
import { equalBytes, hexEncode } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import type { TargetFile } from '../tuf/model.js';
import type { TargetPath } from '../tuf/names.js';
import { isKnownHash } from '../tuf/promise.js';

/** What signed metadata says a target's bytes are. */
export interface ExpectedTarget {
  readonly path: TargetPath;
  readonly file: TargetFile;
}

/**
 * Passes on `chunks` while counting and hashing them. The last chunk is held back until the length and every listed hash have
 * been found right, so that whoever has seen the end has seen the genuine file, and whoever has not knows it.
 * @throws CountersignError `arbitrary-software`; nothing more is yielded then
 */
export async function* verified(
  chunks: AsyncIterable<Uint8Array>,
  target: ExpectedTarget,
  crypto: Pick<Crypto, 'hash'>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const check = new TargetCheck(target, crypto);
  let held: Uint8Array | undefined;
  for await (const chunk of chunks) {
    check.update(chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  check.finish();
  if (held !== undefined) yield held;
}

/** Counts and hashes a target's bytes against what was signed; for bytes that come from anywhere. */
export class TargetCheck {
  readonly #target: ExpectedTarget;
  readonly #hashers: readonly { readonly algorithm: string; readonly hasher: Hasher; readonly expected: Uint8Array }[];
  readonly #file: string | undefined;
  #length = 0;

  /**
   * `file` is the local file whose bytes they are, where they are one's.
   * @throws CountersignError `unsupported` where a listed hash is of an algorithm this client does not know (W8.2)
   */
  constructor(target: ExpectedTarget, crypto: Pick<Crypto, 'hash'>, file?: string) {
    this.#target = target;
    this.#file = file;
    this.#hashers = [...target.file.hashes].map(([algorithm, expected]) => {
      if (!isKnownHash(algorithm)) throw unknownHash(target.path, algorithm);
      return { algorithm, hasher: crypto.hash(algorithm), expected };
    });
    if (this.#hashers.length === 0) throw unknownHash(target.path, 'no');
  }

  /** @throws CountersignError `arbitrary-software` as soon as there are too many bytes */
  update(chunk: Uint8Array): void {
    this.#length += chunk.length;
    if (this.#length > this.#target.file.length)
      throw this.#wrong(`has more than the ${this.#target.file.length} bytes that were signed for`);
    for (const { hasher } of this.#hashers) hasher.update(chunk);
  }

  /** @throws CountersignError `arbitrary-software` */
  finish(): void {
    const { length } = this.#target.file;
    if (this.#length !== length)
      throw this.#wrong(`has ${this.#length} bytes instead of the ${length} that were signed for`);
    for (const { algorithm, hasher, expected } of this.#hashers) {
      const actual = hasher.digest();
      if (equalBytes(actual, expected)) continue;
      throw this.#wrong(
        `has the ${algorithm} hash ${hexEncode(actual)} instead of the ${hexEncode(expected)} that was signed for`,
      );
    }
  }

  #wrong(how: string): CountersignError {
    const { path } = this.#target;
    if (this.#file !== undefined)
      return new CountersignError('arbitrary-software', `${this.#file} is not ${path}: it ${how}`, {
        detail: { target: path },
        next: `Do not use ${this.#file} as ${path}; fetch it anew with \`countersign get\`.`,
      });
    return new CountersignError('arbitrary-software', `${path} ${how}`, {
      detail: { target: path },
      next: 'Do not use the file; tell whoever publishes it.',
    });
  }
}

function unknownHash(path: TargetPath, algorithm: string): CountersignError {
  return new CountersignError(
    'unsupported',
    `${path} is signed for by ${algorithm} hash, which this client cannot check`,
    {
      detail: { target: path },
      next: 'Use a newer client, or ask the publisher to list a sha256 hash.',
    },
  );
}
