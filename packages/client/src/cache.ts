import { ROOT, type RoleName } from './tuf/names.js';

/**
 * Where a client keeps the metadata it trusts, between runs. Whoever can write to it can choose what the client trusts, so it
 * belongs to the user alone. Bytes are exact. One cache belongs to one collection.
 */
export interface MetadataCache {
  /** The saved file of `role`; undefined where there is none. */
  load(role: RoleName): Promise<Uint8Array | undefined>;
  /** Durable once it resolves; replaces the old file atomically. */
  save(role: RoleName, raw: Uint8Array): Promise<void>;
  /** The fingerprint of the root from which the saved one descends; undefined where that is not known. */
  anchor(): Promise<string | undefined>;
  /** Saves a first root and its fingerprint, so that never the one is found with the other's. */
  startFrom(root: Uint8Array, fingerprint: string): Promise<void>;
}

/** A cache that lasts as long as the process. */
export class MemoryCache implements MetadataCache {
  readonly #files = new Map<RoleName, Uint8Array>();
  #anchor: string | undefined;

  load(role: RoleName): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#files.get(role));
  }

  save(role: RoleName, raw: Uint8Array): Promise<void> {
    this.#files.set(role, raw);
    return Promise.resolve();
  }

  anchor(): Promise<string | undefined> {
    return Promise.resolve(this.#anchor);
  }

  startFrom(root: Uint8Array, fingerprint: string): Promise<void> {
    this.#anchor = fingerprint;
    return this.save(ROOT, root);
  }
}
