import { readNotes, writeNotes } from '../cache/cache-notes.js';
import { mayReplace, MemoryCache, type CacheNotes, type MetadataCache, type Saved } from '../cache/cache.js';
import type { CountersignError } from '../tuf/errors.js';
import { ROOT, type RoleName } from '../tuf/names.js';
import { answered, committed, openDatabase } from './indexed-db.js';
import { damagedRoot, memoryOnly, refusesStorage, storageFault } from './storage-faults.js';
import { waitingTurn, type Locks } from './turns.js';

const STORE = 'saved';
const ANCHOR = 'trust-anchor';
const NOTES = 'notes';

export interface IndexedDbCacheOptions {
  /** The browser's own unless given. */
  readonly indexedDB?: IDBFactory;
  /** The browser's own Web Locks unless given. */
  readonly locks?: Locks;
  /** Told once, where this browser keeps nothing for this page: what is trusted is then kept in memory, for this page. */
  readonly onMemoryOnly?: (why: CountersignError) => void;
}

/**
 * One collection's trusted metadata in IndexedDB, a database for each collection. It belongs to the page's origin: whatever
 * script runs there can choose what is trusted. Any number of tabs and workers may share it: each file is replaced in one
 * transaction, and where the browser has Web Locks they refresh one after the other.
 */
export class IndexedDbCache implements MetadataCache {
  /** The name of the database; who deletes it starts over, from a pinned root. */
  readonly name: string;
  readonly #options: IndexedDbCacheOptions;
  #database: Promise<IDBDatabase> | undefined;
  #memory: MemoryCache | undefined;

  /** `collection` tells this one from others that pages of the same origin follow: its name, and the server's if there are several. */
  constructor(collection: string, options: IndexedDbCacheOptions = {}) {
    this.name = `countersign/${collection}`;
    this.#options = options;
  }

  /** @throws CountersignError `untrusted-root` where the root is there and cannot be read: trust is not started over silently */
  async load(role: RoleName): Promise<Uint8Array | undefined> {
    return this.#do(
      (memory) => memory.load(role),
      async (database) => bytesOf(role, await read(database, fileKey(role))),
    );
  }

  async save(role: RoleName, raw: Uint8Array, over: Uint8Array | undefined): Promise<Saved> {
    return this.#do(
      (memory) => memory.save(role, raw, over),
      (database) => swap(database, { role, raw, over }),
    );
  }

  async anchor(): Promise<string | undefined> {
    return this.#do(
      (memory) => memory.anchor(),
      async (database) => textOf(await read(database, ANCHOR)),
    );
  }

  async startFrom(root: Uint8Array, fingerprint: string, over: Uint8Array | undefined): Promise<Saved> {
    return this.#do(
      (memory) => memory.startFrom(root, fingerprint, over),
      (database) => swap(database, { role: ROOT, raw: root, over }, fingerprint),
    );
  }

  async notes(): Promise<CacheNotes> {
    return this.#do(
      (memory) => memory.notes(),
      async (database) => readNotes(textOf(await read(database, NOTES)) ?? ''),
    );
  }

  async saveNotes(notes: CacheNotes): Promise<void> {
    return this.#do(
      (memory) => memory.saveNotes(notes),
      async (database) => {
        const transaction = database.transaction(STORE, 'readwrite');
        transaction.objectStore(STORE).put(writeNotes(notes), NOTES);
        await committed(transaction);
      },
    );
  }

  alone<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { navigator } = globalThis as Partial<Pick<typeof globalThis, 'navigator'>>;
    return waitingTurn(
      this.#options.locks ?? (navigator as Partial<Navigator> | undefined)?.locks,
      this.name,
      work,
      signal,
    );
  }

  async #do<T>(
    inMemory: (memory: MemoryCache) => Promise<T>,
    inDatabase: (database: IDBDatabase) => Promise<T>,
  ): Promise<T> {
    const place = this.#memory ?? (await this.#open());
    if (place instanceof MemoryCache) return inMemory(place);
    try {
      return await inDatabase(place);
    } catch (error) {
      throw storageFault(error, this.name);
    }
  }

  async #open(): Promise<IDBDatabase | MemoryCache> {
    try {
      const { indexedDB } = globalThis as Partial<Pick<typeof globalThis, 'indexedDB'>>;
      const factory = this.#options.indexedDB ?? indexedDB;
      if (factory === undefined) return this.#keepInMemory(undefined);
      return await (this.#database ??= this.#connect(factory));
    } catch (error) {
      this.#database = undefined;
      if (refusesStorage(error)) return this.#keepInMemory(error);
      throw storageFault(error, this.name);
    }
  }

  async #connect(factory: IDBFactory): Promise<IDBDatabase> {
    const database = await openDatabase(factory, this.name, STORE);
    const forget = (): void => {
      this.#database = undefined;
    };
    database.onclose = forget;
    // Somebody deletes the database: this connection must not keep them waiting.
    database.onversionchange = () => {
      database.close();
      forget();
    };
    return database;
  }

  #keepInMemory(cause: unknown): MemoryCache {
    if (this.#memory === undefined) {
      this.#memory = new MemoryCache();
      this.#options.onMemoryOnly?.(memoryOnly(cause));
    }
    return this.#memory;
  }
}

interface Swap {
  readonly role: RoleName;
  readonly raw: Uint8Array;
  readonly over: Uint8Array | undefined;
}

/** Looks and replaces in one transaction, beside which no other tab writes; strict, so that a power failure undoes nothing. */
async function swap(database: IDBDatabase, { role, raw, over }: Swap, fingerprint?: string): Promise<Saved> {
  const transaction = database.transaction(STORE, 'readwrite', { durability: 'strict' });
  const [store, end] = [transaction.objectStore(STORE), committed(transaction)];
  end.catch(() => undefined); // where a request fails before, that is what is told
  const current = bytesOf(role, await answered(store.get(fileKey(role))));
  const replaces = mayReplace(current, over, raw);
  if (replaces) {
    // A view would be stored with all of the buffer it looks at.
    store.put(raw.slice(), fileKey(role));
    if (fingerprint !== undefined) store.put(fingerprint, ANCHOR);
  }
  await end;
  return replaces ? 'saved' : 'overtaken';
}

function read(database: IDBDatabase, key: IDBValidKey): Promise<unknown> {
  return answered(database.transaction(STORE, 'readonly').objectStore(STORE).get(key));
}

/** No role's key is the anchor's or the notes': theirs are plain texts. */
function fileKey(role: RoleName): IDBValidKey {
  return ['file', role];
}

/** What is no file counts as absent, so that no damage outlives the next refresh; but for the root. */
function bytesOf(role: RoleName, value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (value !== undefined && role === ROOT) throw damagedRoot();
  return undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
