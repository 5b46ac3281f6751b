import { equalBytes } from '../tuf/encoding.js';
import { ROOT, type Instant, type RoleName } from '../tuf/names.js';

/** What a client keeps beside the metadata; no signature is ever taken for granted because of it. */
export interface CacheNotes {
  /** When a refresh last succeeded, by this machine's clock; undefined before the first. */
  readonly refreshedAt?: Instant;
  /** The repository has said that it answers updates in one request; and which versions one may leave out (`updates.ts`). */
  readonly updates?: HeldVersions;
}

/** Versions of the saved files; 0 for one that is not there. */
export interface HeldVersions {
  /** Where it is known: what is new can then be asked for before the saved root has been read. */
  readonly root?: number;
  readonly timestamp: number;
  readonly snapshot: number;
  readonly targets: number;
}

/**
 * Where a client keeps the metadata it trusts, between runs. Whoever can write to it can choose what the client trusts, so it
 * belongs to the user alone. Bytes are exact. One cache belongs to one collection; any number of clients and processes may
 * share it: what is saved replaces only what the saving client has seen, so that a slow one never undoes what a faster one
 * has saved meanwhile.
 */
export interface MetadataCache {
  /** The saved file of `role`; undefined where there is none. */
  load(role: RoleName): Promise<Uint8Array | undefined>;
  /**
   * Replaces the file of `role` atomically; once it resolves, no end of the process undoes it. `over`: the file this client
   * knows, as `load` or its last save left it. `overtaken`: there is another one now, and nothing was written.
   */
  save(role: RoleName, raw: Uint8Array, over: Uint8Array | undefined): Promise<Saved>;
  /** The fingerprint of the root from which the saved one descends; undefined where that is not known. */
  anchor(): Promise<string | undefined>;
  /** Saves a first root and its fingerprint, so that never the one is found with the other's. `over` as with `save`. */
  startFrom(root: Uint8Array, fingerprint: string, over: Uint8Array | undefined): Promise<Saved>;
  notes(): Promise<CacheNotes>;
  saveNotes(notes: CacheNotes): Promise<void>;
  /**
   * Does `work`, a refresh, when no other client of this cache refreshes, so that what one has fetched the next one finds; or
   * at once, after waiting for so long. Nothing may rely on it. `signal` ends the waiting with its own reason.
   */
  alone?<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

export type Saved = 'saved' | 'overtaken';

/** A cache that lasts as long as the process. */
export class MemoryCache implements MetadataCache {
  readonly #files = new Map<RoleName, Uint8Array>();
  #anchor: string | undefined;
  #notes: CacheNotes = {};

  load(role: RoleName): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#files.get(role));
  }

  save(role: RoleName, raw: Uint8Array, over: Uint8Array | undefined): Promise<Saved> {
    if (mayReplace(this.#files.get(role), over, raw)) {
      this.#files.set(role, raw);
      return Promise.resolve('saved');
    }
    return Promise.resolve('overtaken');
  }

  anchor(): Promise<string | undefined> {
    return Promise.resolve(this.#anchor);
  }

  async startFrom(root: Uint8Array, fingerprint: string, over: Uint8Array | undefined): Promise<Saved> {
    const saved = await this.save(ROOT, root, over);
    if (saved === 'saved') this.#anchor = fingerprint;
    return saved;
  }

  notes(): Promise<CacheNotes> {
    return Promise.resolve(this.#notes);
  }

  saveNotes(notes: CacheNotes): Promise<void> {
    this.#notes = notes;
    return Promise.resolve();
  }
}

/** Whether a client that knows `over` may put `raw` where `current` is now. */
export function mayReplace(current: Uint8Array | undefined, over: Uint8Array | undefined, raw: Uint8Array): boolean {
  if (current === undefined || over === undefined)
    return current === over || (current !== undefined && equalBytes(current, raw));
  return equalBytes(current, over) || equalBytes(current, raw);
}
