import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import type { TargetChange } from '../publishing/changes.js';
import { readChanges, writeChanges } from '../publishing/changes-file.js';
import { CountersignError } from '../tuf/errors.js';
import { parseGun, type Gun } from '../tuf/names.js';
import { encodeSegment } from '../http/urls.js';
import { errorCode, writeAtomically } from './atomic-file.js';
import { DirectoryCache } from './directory-cache.js';
import { withLock, type LockOptions } from './lock.js';

/** The mode bits by which a group or everybody may write. */
const OTHERS_WRITE = 0o022;

/** What is remembered of a collection. */
export interface CollectionRecord {
  /** Base URL of its server. */
  readonly server: string;
}

/**
 * A user's state, in a directory of mode 0700:
 *
 * ```
 * keys/<key id>.json                          sealed private keys
 * collections/<percent-encoded name>/
 *   collection.json                           the server
 *   first-root.json                           the root `init` made, until it is published
 *   changes.json                              what was added and removed since the last publish
 *   metadata/                                 the trusted metadata (`DirectoryCache`)
 *   locked/<hash of a root>/                  the same, for who starts from a root that a `trust.lock` records
 * ```
 *
 * Whoever can write here decides what this user trusts and publishes.
 */
export class Home {
  readonly #directory: string;
  readonly #lock: LockOptions;

  constructor(directory: string, lock: LockOptions) {
    this.#directory = directory;
    this.#lock = lock;
  }

  /** Where others can write, who thereby decide what this user trusts and publishes; undefined where none can. */
  async writableByOthers(): Promise<string | undefined> {
    const found = await stat(this.#directory).catch(() => undefined);
    // Windows keeps no such bits, and Node shows them all set.
    const others = platform() !== 'win32' && ((found?.mode ?? 0) & OTHERS_WRITE) !== 0;
    return others ? this.#directory : undefined;
  }

  get keys(): string {
    return join(this.#directory, 'keys');
  }

  collection(gun: Gun): CollectionHome {
    return new CollectionHome(gun, join(this.#directory, 'collections', directoryName(gun)), this.#lock);
  }

  /** The collections whose server is remembered here, by name. */
  async collections(): Promise<readonly Gun[]> {
    const top = join(this.#directory, 'collections');
    const names = (await readdir(top).catch(absent)) ?? [];
    const records = await Promise.all(
      names.map((name) => stat(join(top, name, 'collection.json')).catch(() => undefined)),
    );
    return names
      .filter((_, index) => records[index] !== undefined)
      .map((name) => parseGun(decodeURIComponent(name)))
      .sort();
  }
}

/** No collection name gives `.` or `..`: `parseGun` refuses those as segments. */
function directoryName(gun: Gun): string {
  const name = encodeSegment(gun);
  if (name.length <= 255) return name;
  throw new CountersignError('invalid-name', `the collection name ${gun} is too long to be kept here`, {
    next: 'Use a shorter name.',
  });
}

/** One collection's part of the home directory. */
export class CollectionHome {
  readonly gun: Gun;
  readonly metadata: DirectoryCache;
  readonly #directory: string;
  readonly #lock: LockOptions;

  constructor(gun: Gun, directory: string, lock: LockOptions) {
    this.gun = gun;
    this.#directory = directory;
    this.#lock = lock;
    this.metadata = new DirectoryCache(join(directory, 'metadata'), { process: lock });
  }

  /**
   * What is trusted on the word of a `trust.lock` that records the root with this SHA-256: kept apart, since the file may be
   * another's, and decides for those alone who use it.
   */
  locked(rootHash: string): DirectoryCache {
    return new DirectoryCache(join(this.#directory, 'locked', rootHash), { process: this.#lock });
  }

  /** Runs `work` while no other command changes this collection's state. @throws CountersignError `conflict` */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    await this.#makeDirectory();
    return withLock(join(this.#directory, 'lock'), this.#lock, work);
  }

  async record(): Promise<CollectionRecord | undefined> {
    const text = await this.#read('collection.json');
    if (text === undefined) return undefined;
    try {
      const { server } = { ...(JSON.parse(text) as Partial<Record<string, unknown>>) };
      if (typeof server === 'string') return { server };
    } catch {
      // told below
    }
    throw new CountersignError('malformed', `${join(this.#directory, 'collection.json')} is damaged`, {
      next: 'Remove it, and give --server again.',
    });
  }

  async saveRecord(record: CollectionRecord): Promise<void> {
    await this.#write(
      'collection.json',
      `${JSON.stringify({ version: 1, name: this.gun, ...record }, undefined, 2)}\n`,
    );
  }

  /** The root that `init` made, until it is published. */
  async firstRoot(): Promise<Uint8Array | undefined> {
    const bytes = await readFile(join(this.#directory, 'first-root.json')).catch(absent);
    return bytes === undefined ? undefined : new Uint8Array(bytes);
  }

  async saveFirstRoot(raw: Uint8Array): Promise<void> {
    await this.#makeDirectory();
    await writeAtomically(join(this.#directory, 'first-root.json'), raw);
  }

  async forgetFirstRoot(): Promise<void> {
    await rm(join(this.#directory, 'first-root.json'), { force: true });
  }

  async changes(): Promise<readonly TargetChange[]> {
    const text = await this.#read('changes.json');
    return text === undefined ? [] : readChanges(text);
  }

  async saveChanges(changes: readonly TargetChange[]): Promise<void> {
    if (changes.length === 0) await rm(join(this.#directory, 'changes.json'), { force: true });
    else await this.#write('changes.json', writeChanges(changes));
  }

  async #read(name: string): Promise<string | undefined> {
    return readFile(join(this.#directory, name), 'utf8').catch(absent);
  }

  async #write(name: string, text: string): Promise<void> {
    await this.#makeDirectory();
    await writeAtomically(join(this.#directory, name), new TextEncoder().encode(text), 0o600);
  }

  async #makeDirectory(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
  }
}

function absent(error: unknown): undefined {
  if (errorCode(error) === 'ENOENT') return undefined;
  throw error;
}
