import type { KeyRing } from '../publishing/key-ring.js';
import { equalBytes } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import type { PublicKey } from '../tuf/model.js';
import type { KeyId } from '../tuf/names.js';
import type { KeySigner } from '../tuf/sign.js';
import type { PrivateKey } from './private-key.js';
import type { KeyStore, StoredKey } from './key-store.js';

/** Opens a stored key, asking for its passphrase if need be. */
export type OpenKey = (id: KeyId) => Promise<Pick<PrivateKey, 'by'>>;

/** The keys of a key store as a publisher's key ring; each is opened once, and again only where that failed. */
export class StoredKeyRing implements KeyRing {
  readonly #store: Pick<KeyStore, 'list'>;
  readonly #open: OpenKey;
  readonly #opened = new Map<KeyId, ReturnType<OpenKey>>();

  constructor(store: Pick<KeyStore, 'list'>, open: OpenKey) {
    this.#store = store;
    this.#open = open;
  }

  async held(keys: readonly PublicKey[]): Promise<readonly PublicKey[]> {
    const stored = await this.#store.list();
    return keys.filter((key) => find(stored, key) !== undefined);
  }

  async open(keys: readonly PublicKey[]): Promise<readonly KeySigner[]> {
    const stored = await this.#store.list();
    const signers: KeySigner[] = [];
    // One after the other: each may ask for a passphrase.
    for (const key of keys) {
      const id = find(stored, key)?.id;
      if (id === undefined || key.scheme === undefined)
        throw new CountersignError('missing-key', `the private half of key ${key.id} is gone`);
      signers.push((await this.#once(id)).by(key.scheme));
    }
    return signers;
  }

  #once(id: KeyId): ReturnType<OpenKey> {
    const opening = this.#opened.get(id);
    if (opening !== undefined) return opening;
    const opened = this.#open(id);
    this.#opened.set(id, opened);
    opened.catch(() => this.#opened.delete(id));
    return opened;
  }
}

/** By key material: a document may list a key under another id and with another scheme than ours. */
function find(stored: readonly StoredKey[], key: PublicKey): StoredKey | undefined {
  return stored.find(({ key: own }) => key.scheme !== undefined && equalBytes(own.spki, key.spki));
}
