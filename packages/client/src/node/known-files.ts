import { open, type FileHandle } from 'node:fs/promises';
import { CountersignError } from '../tuf/errors.js';
import { replaceWhole } from './atomic-file.js';
import { identityAt, identityOf, isSameFile, type FileIdentity } from './file-identity.js';

/** Reads and replaces whole files, and knows again what it has read or written without reading it once more. */
export class KnownFiles {
  readonly #identities = new WeakMap<Uint8Array, FileIdentity>();

  /** @throws CountersignError `too-large`, else the file system's error */
  async read(path: string, maxBytes: number): Promise<Uint8Array> {
    const file = await open(path, 'r');
    try {
      const identity = await identityOf(file);
      if (identity.size > maxBytes) throw new CountersignError('too-large', `${path} has ${identity.size} bytes`);
      const bytes = await readBytes(file, Number(identity.size));
      this.#identities.set(bytes, identity);
      return bytes;
    } finally {
      await file.close();
    }
  }

  /**
   * Whether it did, as `replaceWhole`. That a power failure may bring back the file before is for the caller to know.
   * @throws CountersignError as `replaceWhole`
   */
  async replace(path: string, bytes: Uint8Array, stillMay: () => Promise<boolean>): Promise<boolean> {
    const identity = await replaceWhole(path, bytes, stillMay);
    if (identity !== undefined) this.#identities.set(bytes, identity);
    return identity !== undefined;
  }

  /** Whether `known`, or else one of its or of `other`'s length, is at `path` now. */
  async compare(path: string, known: Uint8Array, other: Uint8Array): Promise<'known' | 'perhaps' | 'another'> {
    const found = await identityAt(path);
    if (found === undefined) return 'another';
    if (isSameFile(found, this.#identities.get(known))) return 'known';
    return [known, other].some(({ length }) => BigInt(length) === found.size) ? 'perhaps' : 'another';
  }
}

/** In one piece, without a copy: metadata may be large. */
async function readBytes(file: FileHandle, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await file.read(bytes, length, size - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}
