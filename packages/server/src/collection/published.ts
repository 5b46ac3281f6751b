import type { Envelope, Format, Gun, Hashes, RoleName, Snapshot, Version } from '@countersign/client/tuf';
import { hexEncode, isTopLevel, ROOT, SNAPSHOT, TARGETS, TIMESTAMP } from '@countersign/client/tuf';
import type { Documents } from './documents.js';
import type { Head, Store, StoredFile } from './ports.js';

/** Files of about so many bytes are brought, and held in memory, at the same time. */
const SLICE = 8 * 1024 * 1024;
/** What a file counts as whose snapshot does not say how long it is: the most stock clients take. */
const UNKNOWN_LENGTH = 5_000_000;

interface Wanted {
  readonly role: RoleName;
  readonly version: Version;
}

/** Where current files are that the head does not hold. */
export type PublishedFiles = Pick<Store, 'files' | 'fileByHash'>;

/**
 * What is published now, as one commit left it: the map of current files that the walk reads beside the uploaded ones. Only
 * the top-level ones are kept: all delegated ones together may be far more than fits in memory.
 */
export class Published {
  readonly gun: Gun;
  /** `Head.id` the next commit is to follow; undefined for a history that is not stored yet. */
  readonly follows: number | undefined;
  readonly head: Head;
  readonly format: Format;
  readonly snapshot: Envelope<Snapshot>;
  readonly #store: PublishedFiles;
  readonly #documents: Documents;
  readonly #files = new Map<RoleName, StoredFile>();

  constructor(
    gun: Gun,
    head: Head,
    format: Format,
    store: PublishedFiles,
    documents: Documents,
    follows: number | undefined,
  ) {
    this.gun = gun;
    this.follows = follows;
    this.head = head;
    this.format = format;
    this.#store = store;
    this.#documents = documents;
    for (const [role, file] of [
      [ROOT, head.root],
      [TIMESTAMP, head.timestamp],
      [SNAPSHOT, head.snapshot],
    ] as const) {
      this.#files.set(role, documents.intern(file));
    }
    this.snapshot = format.parseSnapshot(this.bytes(SNAPSHOT));
  }

  static async load(
    gun: Gun,
    store: Store,
    documents: Documents,
    formatNamed: (name: Head['format']) => Format,
  ): Promise<Published | undefined> {
    const head = await store.head(gun);
    return head === undefined
      ? undefined
      : new Published(gun, head, documents.format(formatNamed(head.format)), store, documents, head.id);
  }

  /** The version of a role that is current, or undefined where the role was never published. */
  async version(role: RoleName): Promise<Version | undefined> {
    const promise = isTopLevel(role) && role !== TARGETS ? undefined : this.snapshot.signed.meta.get(role);
    return promise?.by === 'version' ? promise.version : (await this.file(role))?.version;
  }

  /** Whether a targets role is published. */
  has(role: RoleName): boolean {
    return this.snapshot.signed.meta.has(role);
  }

  /** Current bytes of root, timestamp or snapshot. */
  bytes(role: RoleName): Uint8Array {
    const file = this.#files.get(role);
    if (file === undefined) throw new Error(`${role} has not been loaded`);
    return file.bytes;
  }

  /** The current file of a role, from the store if need be. */
  async file(role: RoleName): Promise<StoredFile | undefined> {
    return (await this.files([role]).next()).value;
  }

  /**
   * The current files of `roles` in that order, undefined where there is none. They are brought a few at a time, and only a
   * few are held as long as the caller keeps none.
   */
  async *files(roles: Iterable<RoleName>): AsyncGenerator<StoredFile | undefined, undefined> {
    for (const slice of this.#slices(roles)) {
      const found = new Map(this.#files);
      for (const file of await this.#load(slice, found)) found.set(file.role, file);
      for (const role of slice) yield found.get(role);
    }
    return undefined;
  }

  *#slices(roles: Iterable<RoleName>): Generator<readonly RoleName[]> {
    let slice: RoleName[] = [];
    let bytes = 0;
    for (const role of roles) {
      const length = this.#files.has(role) ? 0 : this.#length(role);
      if (bytes + length > SLICE && slice.length > 0) {
        yield slice;
        [slice, bytes] = [[], 0];
      }
      slice.push(role);
      bytes += length;
    }
    if (slice.length > 0) yield slice;
  }

  #length(role: RoleName): number {
    const promise = this.snapshot.signed.meta.get(role);
    return promise === undefined ? 0 : (promise.length ?? UNKNOWN_LENGTH);
  }

  async #load(roles: readonly RoleName[], found: ReadonlyMap<RoleName, StoredFile>): Promise<readonly StoredFile[]> {
    const wanted: Wanted[] = [];
    const files: (StoredFile | undefined)[] = [];
    for (const role of roles) {
      const promise = found.has(role) ? undefined : this.snapshot.signed.meta.get(role);
      if (promise?.by === 'version') wanted.push({ role, version: promise.version });
      else if (promise !== undefined) files.push(await this.#byHash(role, promise.hashes));
    }
    if (wanted.length > 0) files.push(...(await this.#store.files(this.gun, wanted)));
    const stored = files.flatMap((file) => (file === undefined ? [] : [this.#documents.intern(file)]));
    for (const file of stored) if (file.role === TARGETS) this.#files.set(TARGETS, file);
    return stored;
  }

  async #byHash(role: RoleName, hashes: Hashes): Promise<StoredFile | undefined> {
    const sha256 = hashes.get('sha256');
    return sha256 === undefined ? undefined : this.#store.fileByHash(this.gun, role, hexEncode(sha256));
  }
}
