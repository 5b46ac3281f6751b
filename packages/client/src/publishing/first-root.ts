import type { CollectionServer } from './collection-server.js';
import { composeRoot } from '../tuf/compose.js';
import type { Crypto } from '../tuf/crypto.js';
import { CountersignError } from '../tuf/errors.js';
import type { BareKey, Format } from '../tuf/formats/format.js';
import type { Instant } from '../tuf/names.js';
import { signDocument, type KeySigner } from '../tuf/sign.js';

/** The keys of a collection that begins: two of the publisher's, two of the server's. */
export interface FirstKeys {
  readonly root: KeySigner;
  readonly targets: KeySigner;
}

/**
 * The root with which a collection begins, signed. The server is asked for the keys it will countersign with; nothing is
 * published. @throws CountersignError `rate-limit`, `unavailable`, `network`
 */
export async function makeFirstRoot(
  context: { readonly format: Format; readonly crypto: Crypto; readonly server: CollectionServer },
  keys: FirstKeys,
  expires: Instant,
): Promise<Uint8Array> {
  const { format, crypto, server } = context;
  const online = async (role: 'timestamp' | 'snapshot'): Promise<BareKey> =>
    onlineKeyIn(format, await server.onlineKey(role, 'current'), crypto);
  const change = {
    root: { keys: [keys.root.key], threshold: 1 },
    targets: { keys: [keys.targets.key], threshold: 1 },
    timestamp: { keys: [await online('timestamp')], threshold: 1 },
    snapshot: { keys: [await online('snapshot')], threshold: 1 },
  };
  return signDocument(format, crypto, composeRoot(format, change, expires, crypto), [keys.root]);
}

function onlineKeyIn(format: Format, raw: Uint8Array, crypto: Crypto): BareKey {
  const { scheme, spki } = format.parseKey(raw, crypto);
  if (scheme !== undefined) return { scheme, spki };
  throw new CountersignError('unsupported', 'the server signs with a kind of key this version does not know', {
    next: 'Use a newer client.',
  });
}
