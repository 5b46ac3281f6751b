import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MetadataCache } from '../cache.js';
import { CountersignError } from '../tuf/errors.js';
import { ROOT, type RoleName } from '../tuf/names.js';
import { encodeSegment } from '../urls.js';
import { errorCode, writeAtomically } from './atomic-file.js';

/** Longest file name common file systems take, in bytes. */
const MAX_NAME = 255;
/** Larger files were not written by this library, whose own limits are lower. */
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
/** No role's file name: those end in `.json`. */
const ANCHOR = 'trust-anchor';

/**
 * A directory of one collection's trusted metadata: `root.json`, `timestamp.json`, …, delegated roles under their
 * percent-encoded names (W5.3), capitals encoded too: where a file system does not tell them from small letters, a delegated
 * `Root` would be `root`. Each file is the exact bytes received. The directory belongs to the user alone (mode 0700): whoever
 * writes to it decides what is trusted. Two processes may share it; each file is replaced atomically.
 */
export class DirectoryCache implements MetadataCache {
  readonly #directory: string;
  readonly #maxBytes: number;

  constructor(directory: string, options: { readonly maxBytes?: number } = {}) {
    this.#directory = directory;
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  }

  /**
   * An unreadable or oversized file counts as absent, so that no damage outlives the next refresh (W0.7).
   * @throws CountersignError `untrusted-root` where the root is there and cannot be read: trust is not started over silently
   */
  async load(role: RoleName): Promise<Uint8Array | undefined> {
    try {
      return await this.#read(this.#path(role));
    } catch (error) {
      if (role !== ROOT || errorCode(error) === 'ENOENT') return undefined;
      throw new CountersignError('untrusted-root', `the saved root in ${this.#directory} cannot be read`, {
        cause: error,
        next: 'Repair or remove that directory, and give --root or --root-fingerprint again.',
      });
    }
  }

  async save(role: RoleName, raw: Uint8Array): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await writeAtomically(this.#path(role), raw);
  }

  async anchor(): Promise<string | undefined> {
    return readFile(join(this.#directory, ANCHOR), 'utf8').catch(() => undefined);
  }

  async startFrom(root: Uint8Array, fingerprint: string): Promise<void> {
    const anchor = join(this.#directory, ANCHOR);
    // In this order a crash leaves at worst a root of unknown descent, which no pin matches.
    await rm(anchor, { force: true });
    await this.save(ROOT, root);
    await writeAtomically(anchor, new TextEncoder().encode(fingerprint));
  }

  async #read(path: string): Promise<Uint8Array> {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > this.#maxBytes) throw new CountersignError('too-large', `${path} has ${size} bytes`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  }

  /** Reading and writing share this one encoding; names too long for a file become their hash, which no encoded name equals. */
  #path(role: RoleName): string {
    const name = `${withoutCapitals(encodeSegment(role))}.json`;
    if (name.length <= MAX_NAME) return join(this.#directory, name);
    return join(this.#directory, `%sha256-${createHash('sha256').update(role).digest('hex')}.json`);
  }
}

/** Percent-encodes the capitals that are no part of an escape. */
function withoutCapitals(encoded: string): string {
  return encoded.replace(/%[0-9A-F]{2}|[A-Z]/gu, (part) =>
    part.length > 1 ? part : `%${part.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
