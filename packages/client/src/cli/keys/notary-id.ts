import type { StoredKey } from '../../node/key-store.js';
import type { Crypto } from '../../tuf/crypto.js';
import { formatNamed } from '../../tuf/formats/index.js';

/** The id by which Notary's tools name a key: its canonical id, and the name of its file. */
export function notaryId({ key }: Pick<StoredKey, 'key'>, crypto: Pick<Crypto, 'hash'>): string {
  return formatNamed('notary-1').keyId(key, crypto);
}
