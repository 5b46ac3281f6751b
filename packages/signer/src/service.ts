import { CountersignError, formatNamed, parseGun, type Instant } from '@countersign/client/tuf';
import type { KeyFactory } from './creation.js';
import type { Keyring } from './keyring.js';
import { readFollowed, readProposal } from './reading.js';
import type { KeyRow, KeyStore } from './store.js';
import type { CreateKey, KeyInfo, PublishedItem, SignItem } from './wire.js';

/** What became of one payload. `version` is undefined for one that could not be read. */
export type Signing =
  | { readonly kind: 'signed'; readonly version: number; readonly signature: Uint8Array }
  | { readonly kind: 'refused'; readonly version: number | undefined; readonly error: CountersignError };

/** What the signer does, behind its HTTP interface. */
export class SignerService {
  readonly #store: KeyStore;
  readonly #factory: KeyFactory;
  readonly #keyring: Keyring;

  constructor(parts: { readonly store: KeyStore; readonly factory: KeyFactory; readonly keyring: Keyring }) {
    this.#store = parts.store;
    this.#factory = parts.factory;
    this.#keyring = parts.keyring;
  }

  /** @throws CountersignError `invalid-name`, `rate-limit` or the store's */
  async createKey(request: CreateKey, now: Instant): Promise<KeyInfo> {
    return infoOf(await this.#factory.create({ ...request, gun: parseGun(request.gun) }, now));
  }

  /** @throws CountersignError `not-found` or the store's */
  async findKey(id: string): Promise<KeyInfo> {
    const found = await this.#store.find(id);
    if (found === undefined) throw new CountersignError('not-found', `there is no key ${id}`);
    return infoOf(found.row);
  }

  /** @throws CountersignError `policy` for a key that has signed, or the store's */
  removeKey(id: string): Promise<void> {
    return this.#keyring.remove(id);
  }

  /** Each payload is decided on its own; those of one key in the order they come in. `published` as on the wire. */
  async sign(
    items: readonly SignItem[],
    now: Instant,
    published: readonly PublishedItem[] = [],
  ): Promise<readonly Signing[]> {
    const following = published.map((item) => this.#follow(item));
    const signings = await Promise.all(items.map((item) => this.#signOne(item, now)));
    await Promise.all(following);
    return signings;
  }

  ping(): Promise<void> {
    return this.#store.ping();
  }

  async #follow({ keyId, gun, format, file }: PublishedItem): Promise<void> {
    try {
      const follows = readFollowed('timestamp', formatNamed(format), Buffer.from(file, 'base64'));
      await this.#keyring.follow({ keyId, gun, follows });
    } catch (error) {
      // The timestamp that follows it says the same again, and is refused where this was.
      if (!(error instanceof CountersignError)) throw error;
    }
  }

  async #signOne(item: SignItem, now: Instant): Promise<Signing> {
    let version: number | undefined;
    try {
      const payload = Buffer.from(item.payload, 'base64');
      const follows = item.follows === undefined ? undefined : Buffer.from(item.follows, 'base64');
      const reading = readProposal({ role: item.role, format: formatNamed(item.format), payload, follows });
      version = reading.version;
      const signature = await this.#keyring.sign({ keyId: item.keyId, gun: item.gun, reading, payload }, now);
      return { kind: 'signed', version, signature };
    } catch (cause) {
      const error =
        cause instanceof CountersignError ? cause : new CountersignError('internal', 'signing failed', { cause });
      return { kind: 'refused', version, error };
    }
  }
}

function infoOf({ id, gun, role, algorithm, spki }: KeyRow): KeyInfo {
  return { id, gun, role, algorithm, spki: Buffer.from(spki).toString('base64') };
}
