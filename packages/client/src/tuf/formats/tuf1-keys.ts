import type { Crypto } from '../crypto.js';
import { hexDecode, hexEncode, pemDecode, pemEncode, utf8Decode } from '../encoding.js';
import { CountersignError } from '../errors.js';
import { canonicalise, type JsonTree, type JsonView } from '../json.js';
import type { KeyId } from '../names.js';
import type { KeyScheme, PublicKey } from '../model.js';
import { parseSpki, spkiOfEd25519, spkiOfPoint, type Curve } from '../spki.js';
import type { BareKey } from './format.js';
import { objectAt, readFrom, sourceOf, textAt } from './fields.js';
import { fits, ifReadable, keyIdOf, type KeyKind } from './key-material.js';

interface SchemeRow {
  readonly scheme: KeyScheme;
  /** The spelling in a document. */
  readonly name: string;
  /** Accepted key types; the first is the one written. */
  readonly keyTypes: readonly string[];
  readonly needs: KeyKind;
}

/** The E table of tuf.md: key type, scheme and the key's real kind must agree (K9). */
const SCHEMES: readonly SchemeRow[] = [
  { scheme: 'ed25519', name: 'ed25519', keyTypes: ['ed25519'], needs: 'ed25519' },
  ecdsa('ecdsa-p256-sha256', 'ecdsa-sha2-nistp256', 'P-256'),
  ecdsa('ecdsa-p384-sha384', 'ecdsa-sha2-nistp384', 'P-384'),
  ecdsa('ecdsa-p521-sha512', 'ecdsa-sha2-nistp521', 'P-521'),
  rsa('rsa-pss-sha256', 'rsassa-pss-sha256'),
  rsa('rsa-pss-sha384', 'rsassa-pss-sha384'),
  rsa('rsa-pss-sha512', 'rsassa-pss-sha512'),
  rsa('rsa-pkcs1v15-sha256', 'rsa-pkcs1v15-sha256'),
  rsa('rsa-pkcs1v15-sha384', 'rsa-pkcs1v15-sha384'),
  rsa('rsa-pkcs1v15-sha512', 'rsa-pkcs1v15-sha512'),
];

function ecdsa(scheme: KeyScheme, name: string, needs: Curve): SchemeRow {
  return { scheme, name, keyTypes: ['ecdsa', name], needs };
}

function rsa(scheme: KeyScheme, name: string): SchemeRow {
  return { scheme, name, keyTypes: ['rsa'], needs: 'rsa' };
}

/** One key object. A key this build cannot use is kept with no scheme: it never verifies, and never bricks a root (K8). */
export function parseKeyObject(id: KeyId, view: JsonView): PublicKey {
  const object = objectAt(view, 'a key');
  const keyType = textAt(object.get('keytype'), "a key's keytype");
  const name = textAt(object.get('scheme'), "a key's scheme");
  const keyval = objectAt(object.get('keyval'), "a key's keyval");
  const published = keyval.get('public');
  const row = SCHEMES.find((candidate) => candidate.name === name && candidate.keyTypes.includes(keyType));
  const spki = row === undefined || published?.kind !== 'string' ? undefined : usableSpki(published.value, row.needs);
  if (row === undefined || spki === undefined) {
    const identity = `unusable:${utf8Decode(canonicalise(keyval))}`;
    return readFrom(object, { id, scheme: undefined, spki: new Uint8Array(0), identity });
  }
  return readFrom(object, { id, scheme: row.scheme, spki, identity: `spki:${hexEncode(spki)}` });
}

function usableSpki(text: string, needs: KeyKind): Uint8Array | undefined {
  return ifReadable(() => {
    const spki = spkiOf(text, needs);
    return spki !== undefined && fits(parseSpki(spki), needs) ? spki : undefined;
  });
}

/** `keyval.public` as SubjectPublicKeyInfo: PEM, or hexadecimal of a raw Ed25519 key or an uncompressed point. */
function spkiOf(text: string, needs: KeyKind): Uint8Array | undefined {
  const raw = hexDecode(text);
  if (raw === undefined) return pemDecode(text);
  if (needs === 'rsa') return undefined;
  return needs === 'ed25519' ? spkiOfEd25519(raw) : spkiOfPoint(raw);
}

/** The key object of a new key, as every client reads it. @throws CountersignError `malformed` for a broken key */
export function keyObjectOf(key: BareKey): JsonTree {
  const row = SCHEMES.find((candidate) => candidate.scheme === key.scheme);
  const info = parseSpki(key.spki);
  if (row === undefined || !fits(info, row.needs)) {
    throw new CountersignError('malformed', `a key of scheme ${key.scheme} does not hold such a key`);
  }
  return {
    keytype: row.keyTypes[0] ?? row.name,
    keyval: { public: info.kind === 'ed25519' ? hexEncode(info.raw) : pemEncode(key.spki) },
    scheme: row.name,
  };
}

/** A listed key as it was received, so that its id stays its hash (K6); a key a program made is written anew. */
export function renderListedKey(key: PublicKey): JsonTree {
  const source = sourceOf(key);
  if (source !== undefined) return source;
  if (key.scheme === undefined) {
    throw new CountersignError('unsupported', `key ${key.id} has no scheme and was not read from a document`);
  }
  return keyObjectOf({ scheme: key.scheme, spki: key.spki });
}

/** The id `key` must have: the hash of the object it was read from, unknown members included (K6). */
export function properKeyId(key: PublicKey, crypto: Pick<Crypto, 'hash'>): KeyId {
  return keyIdOf(renderListedKey(key), crypto);
}
