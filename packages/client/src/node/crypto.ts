import {
  constants,
  createHash,
  createPublicKey,
  sign as signBytes,
  verify as verifyBytes,
  type KeyObject,
  type VerifyKeyObjectInput,
} from 'node:crypto';
import type { Crypto, Hasher } from '../tuf/crypto.js';
import type { KeyScheme, PublicKey } from '../tuf/model.js';

interface Method {
  /** What OpenSSL calls the kind of key; a signature's own scheme must not reinterpret another kind. */
  readonly type: 'ed25519' | 'ec' | 'rsa';
  readonly curve?: string;
  /** Undefined where the scheme hashes by itself (Ed25519). */
  readonly hash: string | undefined;
  readonly options: Omit<VerifyKeyObjectInput, 'key'>;
}

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };
const PKCS1 = { padding: constants.RSA_PKCS1_PADDING };
const DER = { dsaEncoding: 'der' } as const;

const METHODS: Readonly<Record<KeyScheme, Method>> = {
  ed25519: { type: 'ed25519', hash: undefined, options: {} },
  'ecdsa-p256-sha256': { type: 'ec', curve: 'prime256v1', hash: 'sha256', options: DER },
  'ecdsa-p384-sha256': { type: 'ec', curve: 'secp384r1', hash: 'sha256', options: DER },
  'ecdsa-p384-sha384': { type: 'ec', curve: 'secp384r1', hash: 'sha384', options: DER },
  'ecdsa-p521-sha256': { type: 'ec', curve: 'secp521r1', hash: 'sha256', options: DER },
  'ecdsa-p521-sha512': { type: 'ec', curve: 'secp521r1', hash: 'sha512', options: DER },
  'rsa-pss-sha256': { type: 'rsa', hash: 'sha256', options: PSS },
  'rsa-pss-sha256-salt32': { type: 'rsa', hash: 'sha256', options: { ...PSS, saltLength: 32 } },
  'rsa-pss-sha384': { type: 'rsa', hash: 'sha384', options: PSS },
  'rsa-pss-sha512': { type: 'rsa', hash: 'sha512', options: PSS },
  'rsa-pkcs1v15-sha256': { type: 'rsa', hash: 'sha256', options: PKCS1 },
  'rsa-pkcs1v15-sha384': { type: 'rsa', hash: 'sha384', options: PKCS1 },
  'rsa-pkcs1v15-sha512': { type: 'rsa', hash: 'sha512', options: PKCS1 },
};

/** Signs by any scheme of the key's kind, RSA-PSS with as many bytes of salt as the hash has. */
export function signBy(scheme: KeyScheme, key: KeyObject, bytes: Uint8Array): Uint8Array {
  const { hash, options } = METHODS[scheme];
  const salted = options.padding === constants.RSA_PKCS1_PSS_PADDING;
  return signBytes(hash, bytes, {
    key,
    ...options,
    ...(salted ? { saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {}),
  });
}

const keyObjects = new WeakMap<PublicKey, KeyObject>();

function keyObject(key: PublicKey): KeyObject {
  let object = keyObjects.get(key);
  if (object === undefined) {
    object = createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' });
    keyObjects.set(key, object);
  }
  return object;
}

/** The core's cryptography on `node:crypto`: the {@link Crypto} for servers and commands. */
export const nodeCrypto: Crypto = {
  // Synchronous underneath: a verification takes a tenth of a millisecond, less than a trip to the thread pool and back.
  verify(key, signature, bytes) {
    const scheme = signature.scheme ?? key.scheme;
    if (scheme === undefined) return Promise.resolve(false);
    const { type, curve, hash, options } = METHODS[scheme];
    try {
      const object = keyObject(key);
      const fits = object.asymmetricKeyType === type && object.asymmetricKeyDetails?.namedCurve === curve;
      return Promise.resolve(fits && verifyBytes(hash, bytes, { key: object, ...options }, signature.value));
    } catch {
      // A key or signature that OpenSSL cannot read verifies nothing.
      return Promise.resolve(false);
    }
  },
  hash(algorithm): Hasher {
    const hash = createHash(algorithm);
    return {
      update(bytes) {
        hash.update(bytes);
      },
      // A Buffer's own `slice` and `toString` must not reach the core.
      digest: () => Uint8Array.from(hash.digest()),
    };
  },
};
