import type { MetadataCache, Saved } from './cache.js';
import { ROOT, SNAPSHOT, TARGETS, TIMESTAMP, type RoleName } from '../tuf/names.js';

/** What another client may save while this one refreshes; as floors they must be of one moment, before the first request. */
const FLOORS = [ROOT, TIMESTAMP, SNAPSHOT, TARGETS];

/**
 * One refresh's view of a cache: what was saved when it began, and what the refresh has saved since. Once another client has
 * overtaken it, the rest of the refresh is kept here alone: what is saved then belongs together, and is the other one's.
 */
export class CacheView {
  readonly #cache: MetadataCache;
  readonly #known: Map<RoleName, Uint8Array | undefined>;
  readonly #onOvertaken: () => void;
  #overtaken = false;

  private constructor(cache: MetadataCache, known: Map<RoleName, Uint8Array | undefined>, onOvertaken: () => void) {
    this.#cache = cache;
    this.#known = known;
    this.#onOvertaken = onOvertaken;
  }

  static async open(cache: MetadataCache, onOvertaken: () => void = () => undefined): Promise<CacheView> {
    const loaded = await Promise.all(FLOORS.map(async (role) => [role, await cache.load(role)] as const));
    return new CacheView(cache, new Map(loaded), onOvertaken);
  }

  /** Whether the cache holds what another client has saved, in place of some of what this refresh trusts. */
  get overtaken(): boolean {
    return this.#overtaken;
  }

  async load(role: RoleName): Promise<Uint8Array | undefined> {
    if (!this.#known.has(role)) this.#known.set(role, await this.#cache.load(role));
    return this.#known.get(role);
  }

  anchor(): Promise<string | undefined> {
    return this.#cache.anchor();
  }

  async save(role: RoleName, raw: Uint8Array): Promise<void> {
    await this.#write(role, raw, (over) => this.#cache.save(role, raw, over));
  }

  async startFrom(root: Uint8Array, fingerprint: string): Promise<void> {
    await this.#write(ROOT, root, (over) => this.#cache.startFrom(root, fingerprint, over));
  }

  async #write(
    role: RoleName,
    raw: Uint8Array,
    write: (over: Uint8Array | undefined) => Promise<Saved>,
  ): Promise<void> {
    const over = await this.load(role);
    this.#known.set(role, raw);
    if (this.#overtaken || (await write(over)) === 'saved') return;
    this.#overtaken = true;
    this.#onOvertaken();
  }
}
