import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readNotes, writeNotes } from '../cache/cache-notes.js';
import { mayReplace, MemoryCache, type CacheNotes, type MetadataCache, type Saved } from '../cache/cache.js';
import { CountersignError, hasCode } from '../tuf/errors.js';
import { ROOT, type RoleName } from '../tuf/names.js';
import { encodeSegment } from '../http/urls.js';
import { errorCode, fileFault, isMissing, isReadOnly, replaceFile, syncDirectory } from './atomic-file.js';
import { KnownFiles } from './known-files.js';
import { withLock, type LockOptions, type StillHeld } from './lock.js';

/** Longest file name common file systems take, in bytes. */
const MAX_NAME = 255;
/** Larger files were not written by this library, whose own limits are lower. */
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
/** No role's file names: those end in `.json`. */
const ANCHOR = 'trust-anchor';
const NOTES = 'notes';
const LOCK = 'lock';
/** The lock is held for the writing of one file; milliseconds. */
const PATIENCE = 20_000;
const HELD_AT_MOST = 10_000;

const ANYBODY = { pid: 0, isAlive: () => true };

/** Where something is saved: on the disk, by who holds the lock, or in memory. */
type Place = { readonly stillHeld: StillHeld } | { readonly memory: MemoryCache };

export interface DirectoryCacheOptions {
  /** Larger files count as absent. */
  readonly maxBytes?: number;
  /**
   * How other processes tell whether this one lives, so that the lock of one that died is taken over at once; unless given,
   * after ten seconds.
   */
  readonly process?: Pick<LockOptions, 'pid' | 'isAlive'>;
  /** Told once, where the directory cannot be written to: what is trusted is then kept in memory, for this process. */
  readonly onReadOnly?: (why: CountersignError) => void;
}

/**
 * A directory of one collection's trusted metadata: `root.json`, `timestamp.json`, …, delegated roles under their
 * percent-encoded names (W5.3), capitals encoded too: where a file system does not tell them from small letters, a delegated
 * `Root` would be `root`. Each file is the exact bytes received. The directory belongs to the user alone (mode 0700): whoever
 * writes to it decides what is trusted. Any number of processes may share it: each file is replaced atomically, under a lock
 * that is held for that file alone and that no dead process keeps. A power failure may bring back what was there before the
 * newest saves, never a torn file: the client then asks again, from a root that was trusted.
 */
export class DirectoryCache implements MetadataCache {
  readonly #directory: string;
  readonly #options: DirectoryCacheOptions;
  readonly #lock: LockOptions;
  readonly #files = new KnownFiles();
  /** What could not be written. */
  #memory: MemoryCache | undefined;

  constructor(directory: string, options: DirectoryCacheOptions = {}) {
    this.#directory = directory;
    this.#options = options;
    this.#lock = { ...(options.process ?? ANYBODY), patience: PATIENCE, heldAtMost: HELD_AT_MOST };
  }

  /**
   * A file too large for metadata, or none at all, counts as absent, so that no damage outlives the next refresh (W0.7).
   * @throws CountersignError `untrusted-root` where the root is there and cannot be read: trust is not started over silently;
   * `usage` for any other file, without which an older one would be believed
   */
  async load(role: RoleName): Promise<Uint8Array | undefined> {
    const here = await this.#memory?.load(role);
    if (here !== undefined) return here;
    const path = this.#path(role);
    try {
      return await this.#files.read(path, this.#options.maxBytes ?? DEFAULT_MAX_BYTES);
    } catch (error) {
      if (isMissing(error) || (role !== ROOT && isNoMetadata(error))) return undefined;
      if (role !== ROOT) throw unreadable(path, error);
      throw new CountersignError('untrusted-root', `the saved root in ${this.#directory} cannot be read`, {
        cause: error,
        next: 'Repair or remove that directory, and give --root or --root-fingerprint again.',
      });
    }
  }

  async save(role: RoleName, raw: Uint8Array, over: Uint8Array | undefined): Promise<Saved> {
    return this.#write(async (place) => {
      if (!(await this.#mayReplace(role, over, raw))) return 'overtaken';
      if ('memory' in place) return place.memory.save(role, raw, await place.memory.load(role));
      return (await this.#files.replace(this.#path(role), raw, place.stillHeld)) ? 'saved' : 'overtaken';
    });
  }

  async anchor(): Promise<string | undefined> {
    return (await this.#memory?.anchor()) ?? (await this.#text(ANCHOR));
  }

  async startFrom(root: Uint8Array, fingerprint: string, over: Uint8Array | undefined): Promise<Saved> {
    return this.#write(async (place) => {
      const current = await this.load(ROOT);
      if (!mayReplace(current, over, root)) return 'overtaken';
      if ('memory' in place) return place.memory.startFrom(root, fingerprint, await place.memory.load(ROOT));
      return this.#startOnDisk(root, fingerprint, current === undefined ? 'first' : 'again', place.stillHeld);
    });
  }

  async notes(): Promise<CacheNotes> {
    const here = await this.#memory?.notes();
    // A refresh that failed half-way kept files in memory and no notes: those on the disk still guard the clock.
    if (here?.refreshedAt !== undefined) return here;
    return readNotes((await this.#text(NOTES)) ?? '');
  }

  async saveNotes(notes: CacheNotes): Promise<void> {
    if (this.#memory !== undefined) return this.#memory.saveNotes(notes);
    try {
      const bytes = new TextEncoder().encode(writeNotes(notes));
      await this.#inDirectory(() => replaceFile(join(this.#directory, NOTES), bytes));
    } catch (error) {
      if (!isReadOnly(error)) throw fileFault(error, this.#directory);
      await this.#keepInMemory(error).saveNotes(notes);
    }
  }

  /** @throws CountersignError `usage` where the file is there and cannot be read */
  async #text(name: string): Promise<string | undefined> {
    const path = join(this.#directory, name);
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (isMissing(error) || errorCode(error) === 'ENOTDIR') return undefined;
      throw unreadable(path, error);
    }
  }

  /**
   * In this order a crash leaves at worst a root of unknown descent, which no pin matches; so does a power failure, also where
   * there are earlier files to come back.
   */
  async #startOnDisk(
    root: Uint8Array,
    fingerprint: string,
    start: 'first' | 'again',
    stillHeld: StillHeld,
  ): Promise<Saved> {
    const anchor = join(this.#directory, ANCHOR);
    if (!(await stillHeld())) return 'overtaken';
    if (start === 'again') await rm(anchor, { force: true });
    if (!(await this.#files.replace(this.#path(ROOT), root, stillHeld))) return 'overtaken';
    if (start === 'again') await syncDirectory(this.#directory);
    const text = new TextEncoder().encode(fingerprint);
    return (await this.#files.replace(anchor, text, stillHeld)) ? 'saved' : 'overtaken';
  }

  /** As `mayReplace`, without reading what is there where that can be told from the file. */
  async #mayReplace(role: RoleName, over: Uint8Array | undefined, raw: Uint8Array): Promise<boolean> {
    if (over !== undefined && this.#memory === undefined) {
      const found = await this.#files.compare(this.#path(role), over, raw);
      if (found !== 'perhaps') return found === 'known';
    }
    return mayReplace(await this.load(role), over, raw);
  }

  /** Does `work`, for which the directory must be there. */
  async #inDirectory<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    return work();
  }

  /** Does `work` on the disk, alone among all processes; where nothing can be written there, in memory. */
  async #write<T>(work: (place: Place) => Promise<T>): Promise<T> {
    if (this.#memory !== undefined) return work({ memory: this.#memory });
    try {
      return await this.#inDirectory(() =>
        withLock(join(this.#directory, LOCK), this.#lock, (stillHeld) => work({ stillHeld })),
      );
    } catch (error) {
      if (!isReadOnly(error)) throw fileFault(error, this.#directory);
      return work({ memory: this.#keepInMemory(error) });
    }
  }

  #keepInMemory(cause: unknown): MemoryCache {
    this.#options.onReadOnly?.(
      new CountersignError('usage', `${this.#directory} cannot be written to: nothing is remembered after this run`, {
        cause,
        next: 'Without memory there is no protection against older metadata; let the directory be written to.',
      }),
    );
    return (this.#memory ??= new MemoryCache());
  }

  /** Reading and writing share this one encoding; names too long for a file become their hash, which no encoded name equals. */
  #path(role: RoleName): string {
    const name = `${withoutCapitals(encodeSegment(role))}.json`;
    if (name.length <= MAX_NAME) return join(this.#directory, name);
    return join(this.#directory, `%sha256-${createHash('sha256').update(role).digest('hex')}.json`);
  }
}

/** Whether what is at a file's place can be no file this library has written. */
function isNoMetadata(error: unknown): boolean {
  return hasCode(error, 'too-large') || ['EISDIR', 'ENOTDIR'].includes(errorCode(error) ?? '');
}

function unreadable(path: string, cause: unknown): CountersignError {
  return new CountersignError('usage', `${path} cannot be read: what it holds protects from older metadata`, {
    cause,
    next: 'Let it be read, or try again where the machine was short of something; remove it only if it is lost for good.',
  });
}

/** Percent-encodes the capitals that are no part of an escape. */
function withoutCapitals(encoded: string): string {
  return encoded.replace(/%[0-9A-F]{2}|[A-Z]/gu, (part) =>
    part.length > 1 ? part : `%${part.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
