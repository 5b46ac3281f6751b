import {
  CountersignError,
  ROOT,
  SNAPSHOT,
  TIMESTAMP,
  type Gun,
  type RoleName,
  type Rules,
  type Version,
} from '@countersign/client/tuf';
import type { CollectionContext } from './context.js';
import { Published } from './published.js';
import type { StoredFile } from './ports.js';
import { renew } from './renew.js';
import type { HeldVersions, Served, Updates } from './service.js';
import { updatesSince } from './updates.js';

/** Reads, and the one renewal a read may cause, shared by everybody who waits for it. */
export class Reader {
  readonly #context: CollectionContext;
  readonly #renewals = new Map<Gun, Promise<void>>();

  constructor(context: CollectionContext) {
    this.#context = context;
  }

  async timestamp(gun: Gun): Promise<Served> {
    const file = (await this.#context.store.timestamp(gun)) ?? noCollection(gun);
    if (file.expires > this.#context.clock()) return this.#currently(file);
    await this.#renewOnce(gun);
    return this.#currently((await this.#context.store.timestamp(gun)) ?? file);
  }

  async version(gun: Gun, role: RoleName, version: Version): Promise<Served> {
    const [file, rules] = await Promise.all([this.#context.store.file(gun, role, version), this.#rules(gun)]);
    // Nobody who asks for the rest by version asks for a timestamp so.
    if (file === undefined || rules === undefined || (role === TIMESTAMP && rules.addressing === 'version'))
      throw new CountersignError('not-found', `${gun} has no ${role} version ${version}`, {
        detail: { role, version },
      });
    return { file, lasts: rules.nextLife === 'restarts' ? 'one-life' : 'immutable', expired: false };
  }

  async byHash(gun: Gun, role: RoleName, sha256: string): Promise<Served> {
    const [file, rules] = await Promise.all([this.#context.store.fileByHash(gun, role, sha256), this.#rules(gun)]);
    if (file === undefined || rules?.addressing !== 'hash')
      throw new CountersignError('not-found', `${gun} has no ${role} with the hash ${sha256}`, { detail: { role } });
    return { file, lasts: 'immutable', expired: false };
  }

  async #rules(gun: Gun): Promise<Rules | undefined> {
    const format = await this.#context.store.format(gun);
    return format === undefined ? undefined : this.#context.formatNamed(format).rules;
  }

  async current(gun: Gun, role: RoleName): Promise<Served> {
    if (role === TIMESTAMP) return this.timestamp(gun);
    const { store, documents, formatNamed } = this.#context;
    const published = (await Published.load(gun, store, documents, formatNamed)) ?? noCollection(gun);
    const file =
      role === ROOT ? published.head.root : role === SNAPSHOT ? published.head.snapshot : await published.file(role);
    if (file === undefined) throw new CountersignError('not-found', `${gun} has no role ${role}`, { detail: { role } });
    return this.#currently(file);
  }

  async updates(gun: Gun, held: HeldVersions): Promise<Updates> {
    // First, since it renews what has expired.
    await this.timestamp(gun);
    return (await updatesSince(this.#context, gun, held)) ?? noCollection(gun);
  }

  #currently(file: StoredFile): Served {
    return { file, lasts: 'current', expired: file.expires <= this.#context.clock() };
  }

  /** A failed renewal is for the log: the reader gets what there is, and sees itself that it has expired. */
  async #renewOnce(gun: Gun): Promise<void> {
    let renewal = this.#renewals.get(gun);
    if (renewal === undefined) {
      renewal = renew(this.#context, gun)
        .then((result) => {
          if (result === 'renewed') this.#context.meter.renewal('reader', 'done');
        })
        .catch((error: unknown) => {
          this.#context.meter.renewal('reader', 'failed');
          this.#context.log.warn({ gun, err: error }, 'could not renew an expired timestamp for a reader');
        })
        .finally(() => this.#renewals.delete(gun));
      this.#renewals.set(gun, renewal);
    }
    await renewal;
  }
}

function noCollection(gun: Gun): never {
  throw new CountersignError('not-found', `there is no collection ${gun}`, {
    next: 'Check the name and the server; its owner makes it with its first publish.',
  });
}
