import type { Envelope, Format, Gun, Hashes, RoleName, Snapshot, Targets, Version } from '@countersign/client/tuf';
import { hexEncode, isTopLevel, ROOT, SNAPSHOT, TARGETS, TIMESTAMP } from '@countersign/client/tuf';
import type { Documents } from './documents.js';
import type { Head, Store, StoredFile } from './ports.js';

/** What is published now, as one commit left it: the map of current files that the walk reads beside the uploaded ones. */
export class Published {
  readonly gun: Gun;
  readonly head: Head;
  readonly format: Format;
  readonly snapshot: Envelope<Snapshot>;
  readonly #store: Store;
  readonly #documents: Documents;
  readonly #files = new Map<RoleName, StoredFile>();

  private constructor(gun: Gun, head: Head, format: Format, store: Store, documents: Documents) {
    this.gun = gun;
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
      : new Published(gun, head, documents.format(formatNamed(head.format)), store, documents);
  }

  /** The version of a role that is current, or undefined where the role was never published. */
  async version(role: RoleName): Promise<Version | undefined> {
    const promise = isTopLevel(role) && role !== TARGETS ? undefined : this.snapshot.signed.meta.get(role);
    return promise?.by === 'version' ? promise.version : (await this.file(role))?.version;
  }

  /** Current bytes of a role loaded already: root, timestamp and snapshot always are. */
  bytes(role: RoleName): Uint8Array {
    const file = this.#files.get(role);
    if (file === undefined) throw new Error(`${role} has not been loaded`);
    return file.bytes;
  }

  /** The current version of a targets role loaded already; undefined where there is none. */
  targets(role: RoleName): Envelope<Targets> | undefined {
    const file = this.#files.get(role);
    return file === undefined ? undefined : this.format.parseTargets(file.bytes);
  }

  /** The current file of a role, from the store if need be. */
  async file(role: RoleName): Promise<StoredFile | undefined> {
    await this.load([role]);
    return this.#files.get(role);
  }

  /** Brings the current files of `roles` in one query. */
  async load(roles: Iterable<RoleName>): Promise<void> {
    const wanted: { role: RoleName; version: Version }[] = [];
    for (const role of roles) {
      const promise = this.#files.has(role) ? undefined : this.snapshot.signed.meta.get(role);
      if (promise?.by === 'version') wanted.push({ role, version: promise.version });
      else if (promise !== undefined) this.#keep(await this.#byHash(role, promise.hashes));
    }
    if (wanted.length === 0) return;
    for (const file of await this.#store.files(this.gun, wanted)) this.#keep(file);
  }

  async #byHash(role: RoleName, hashes: Hashes): Promise<StoredFile | undefined> {
    const sha256 = hashes.get('sha256');
    return sha256 === undefined ? undefined : this.#store.fileByHash(this.gun, role, hexEncode(sha256));
  }

  #keep(file: StoredFile | undefined): void {
    if (file !== undefined) this.#files.set(file.role, this.#documents.intern(file));
  }
}
