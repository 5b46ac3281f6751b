import type { Crypto } from '../crypto.js';
import { base64Encode, hexEncode, pemCertificates, pemEncode, utf8Decode, utf8Encode } from '../encoding.js';
import { CountersignError } from '../errors.js';
import { encodeCanonical, type JsonObject, type JsonTree, type JsonView } from '../json.js';
import type { KeyScheme, PublicKey } from '../model.js';
import type { KeyId } from '../names.js';
import { parseSpki, spkiOfEd25519, type SpkiInfo } from '../spki.js';
import { parseCertificate } from '../x509.js';
import type { BareKey } from './format.js';
import { carriedOver, readFrom, sourceOf, textAt } from './fields.js';
import { fits, hashedId, ifReadable, keyIdOf, scanKey } from './key-material.js';
import { isSound } from './notary1-certificates.js';
import { bytesAt, members, structAt } from './notary1-fields.js';

const KEY = members('keytype', 'keyval');
const KEYVAL = members('private', 'public');

/** What the bytes in `public` are, by key type (Notary v1, keys). */
const KEY_TYPES: ReadonlyMap<
  string,
  { readonly kind: SpkiInfo['kind']; readonly form: 'raw' | 'spki' | 'certificates' }
> = new Map([
  ['ed25519', { kind: 'ed25519', form: 'raw' }],
  ['ecdsa', { kind: 'ec', form: 'spki' }],
  ['ecdsa-x509', { kind: 'ec', form: 'certificates' }],
  ['rsa', { kind: 'rsa', form: 'spki' }],
  ['rsa-x509', { kind: 'rsa', form: 'certificates' }],
]);

interface Material {
  readonly spki: Uint8Array;
  readonly certificates?: readonly Uint8Array[];
}

/** A key's scheme, where its signatures do not say another; undefined for a key of a size that does not count. */
function schemeOf(info: SpkiInfo): KeyScheme | undefined {
  switch (info.kind) {
    case 'ed25519':
      return 'ed25519';
    case 'ec':
      return ({ 'P-256': 'ecdsa-p256-sha256', 'P-384': 'ecdsa-p384-sha256', 'P-521': 'ecdsa-p521-sha256' } as const)[
        info.curve
      ];
    case 'rsa':
      return fits(info, 'rsa') ? 'rsa-pss-sha256-salt32' : undefined;
  }
}

/**
 * One key object. A key this build cannot use is kept with no scheme and never verifies: an unknown type, a type that is not
 * its content's, certificates in any but the one spelling, or a certificate that is signed over SHA-1 (Notary v1, keys).
 * @throws CountersignError `malformed`
 */
export function parseKeyObject(id: KeyId, view: JsonView): PublicKey {
  const { object, keyType, published } = membersOf(view);
  const idPreimage = encodeCanonical(plainObject(keyType, published));
  const material = ifReadable(() => materialOf(keyType, published));
  const scheme = material && schemeOf(parseSpki(material.spki));
  if (material === undefined || scheme === undefined) {
    const identity = `unusable:${hexEncode(idPreimage)}`;
    return readFrom(object, { id, scheme: undefined, spki: new Uint8Array(0), identity, idPreimage });
  }
  return readFrom(object, { id, scheme, ...material, identity: `spki:${hexEncode(material.spki)}`, idPreimage });
}

/** A key as the key endpoint hands it out, `private` or not, under the id it must have. @throws CountersignError `malformed` */
export function parseOwnKey(raw: Uint8Array, crypto: Pick<Crypto, 'hash'>): PublicKey {
  const view = scanKey(raw);
  const { keyType, published } = membersOf(view);
  return parseKeyObject(keyIdOf(plainObject(keyType, published), crypto), view);
}

function membersOf(view: JsonView): {
  readonly object: JsonObject;
  readonly keyType: string;
  readonly published: Uint8Array;
} {
  const object = structAt(view, KEY, 'a key');
  const keyval = structAt(object.get('keyval'), KEYVAL, "a key's keyval");
  return {
    object,
    keyType: textAt(object.get('keytype'), "a key's keytype"),
    published: bytesAt(keyval.get('public'), "a key's public half"),
  };
}

function materialOf(keyType: string, published: Uint8Array): Material | undefined {
  const row = KEY_TYPES.get(keyType);
  if (row === undefined) return undefined;
  const material =
    row.form === 'certificates'
      ? certified(published)
      : { spki: row.form === 'raw' ? spkiOfEd25519(published) : published };
  return material !== undefined && parseSpki(material.spki).kind === row.kind ? material : undefined;
}

/** The key of the first certificate. */
function certified(published: Uint8Array): Material | undefined {
  const certificates = pemCertificates(utf8Decode(published));
  const [first] = (certificates ?? []).map(parseCertificate);
  if (certificates === undefined || first === undefined || !isSound(first)) return undefined;
  return { spki: first.spki, certificates: Object.freeze(certificates) };
}

/** What a key id is the hash of: these members and no others, `private` null (Notary v1, keys). */
function plainObject(keyType: string, published: Uint8Array): JsonTree {
  return { keytype: keyType, keyval: { private: null, public: base64Encode(published) } };
}

/**
 * The object of a key, listed by itself or as its certificates. Of a scheme with another hash than Notary's it is the same
 * key, which signs in Notary's way there.
 * @throws CountersignError `malformed` for a broken key, `unsupported` for one that Notary cannot list so
 */
export function keyObjectOf(key: BareKey): JsonTree {
  const info = parseSpki(key.spki);
  const scheme = schemeOf(info);
  if (scheme === undefined || kindOf(scheme) !== kindOf(key.scheme))
    throw new CountersignError('malformed', `a key of scheme ${key.scheme} does not hold such a key`);
  if (key.certificates !== undefined) return certifiedObject(info, key.certificates);
  if (info.kind === 'ed25519') return plainObject('ed25519', info.raw);
  return plainObject(info.kind === 'ec' ? 'ecdsa' : 'rsa', key.spki);
}

/** `ecdsa-p384` of `ecdsa-p384-sha256`; `rsa` whatever the padding. */
function kindOf(scheme: KeyScheme): string {
  return scheme.startsWith('rsa-') ? 'rsa' : scheme.replace(/-sha\d+$/u, '');
}

function certifiedObject({ kind }: SpkiInfo, certificates: readonly Uint8Array[]): JsonTree {
  if (kind === 'ed25519') {
    throw new CountersignError('unsupported', 'Notary lists no certificates of Ed25519 keys', {
      next: 'Use an ECDSA key, or RSA of 2,048 bits and more.',
    });
  }
  const text = certificates.map((der) => pemEncode(der, 'CERTIFICATE')).join('');
  return plainObject(kind === 'ec' ? 'ecdsa-x509' : 'rsa-x509', utf8Encode(text));
}

/** The id `key` must have, whatever it was listed under. */
export function properKeyId(key: PublicKey, crypto: Pick<Crypto, 'hash'>): KeyId {
  return key.idPreimage === undefined ? keyIdOf(renderListedKey(key), crypto) : hashedId(key.idPreimage, crypto);
}

/** A listed key as it was received but for `private`, which is always null; a key a program made is written anew. */
export function renderListedKey(key: PublicKey): JsonTree {
  const source = sourceOf(key);
  if (source !== undefined)
    return carriedOver(source, { keyval: carriedOver(source.get('keyval'), { private: null }) });
  if (key.scheme === undefined) {
    throw new CountersignError('unsupported', `key ${key.id} has no scheme and was not read from a document`);
  }
  const { scheme, spki, certificates } = key;
  return keyObjectOf({ scheme, spki, ...(certificates === undefined ? {} : { certificates }) });
}
