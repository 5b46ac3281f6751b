import { digest, type Crypto } from '../crypto.js';
import { hexEncode } from '../encoding.js';
import { CountersignError } from '../errors.js';
import { encodeCanonical, scan, type JsonObject, type JsonTree, type JsonView } from '../json.js';
import type { PublicKey, Root, Targets } from '../model.js';
import { parseKeyId, type KeyId } from '../names.js';
import type { Curve, SpkiInfo } from '../spki.js';
import { objectAt, tooMany } from './fields.js';
import { DEFAULT_PARSE_LIMITS } from './format.js';

type Hashing = Pick<Crypto, 'hash'>;

/** Below this many bits an RSA key does not count (§4.2.2, K8). */
const LEAST_RSA_BITS = 2048;

/** More than this is no key object. */
const KEY_BYTES = 65_536;

/** The kind of key a scheme works with. */
export type KeyKind = Curve | 'ed25519' | 'rsa';

/** Whether a key is of `kind`, and of a size that counts. */
export function fits(info: SpkiInfo, kind: KeyKind): boolean {
  switch (info.kind) {
    case 'ed25519':
      return kind === 'ed25519';
    case 'ec':
      return kind === info.curve;
    case 'rsa':
      return kind === 'rsa' && info.modulusBits >= LEAST_RSA_BITS;
  }
}

/** What `read` returns; undefined where a key's content is malformed: it is kept and never verifies (K8). */
export function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof CountersignError) return undefined;
    throw error;
  }
}

/** A `keys` object: id to key, each id used once (the scanner refuses duplicates). */
export function parseKeyTable(
  view: JsonView | undefined,
  where: string,
  limit: number,
  parse: (id: KeyId, view: JsonView) => PublicKey,
): ReadonlyMap<KeyId, PublicKey> {
  const object = objectAt(view, where);
  if (object.size > limit) tooMany(where, limit);
  const keys = new Map<KeyId, PublicKey>();
  for (const [id, key] of object.entries()) keys.set(parseKeyId(id), parse(parseKeyId(id), key));
  return keys;
}

function keysOf(document: Root | Targets): ReadonlyMap<KeyId, PublicKey> {
  return document.type === 'root' ? document.keys : (document.delegations?.keys ?? new Map<KeyId, PublicKey>());
}

/** Ids of keys that are listed under another id than `properId` says (K6). */
export function mislabelled(document: Root | Targets, properId: (key: PublicKey) => KeyId): readonly KeyId[] {
  return [...keysOf(document)].filter(([id, key]) => properId(key) !== id).map(([id]) => id);
}

/** A key object as its own JSON text, small as such a one is. @throws CountersignError `malformed`, `too-many` */
export function scanKey(raw: Uint8Array): JsonObject {
  return objectAt(scan(raw.subarray(0, KEY_BYTES), DEFAULT_PARSE_LIMITS), 'a key');
}

/** The SHA-256 of a canonical key object, in hexadecimal (§4.2). */
export function keyIdOf(object: JsonTree, crypto: Hashing): KeyId {
  return hashedId(encodeCanonical(object), crypto);
}

/** As `keyIdOf`, of canonical bytes. */
export function hashedId(canonical: Uint8Array, crypto: Hashing): KeyId {
  return parseKeyId(hexEncode(digest(crypto, 'sha256', canonical)));
}
