import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { BareKey } from '../tuf/formats/format.js';
import { CountersignError } from '../tuf/errors.js';
import type { KeyScheme } from '../tuf/model.js';
import type { KeySigner } from '../tuf/sign.js';
import { signBy } from './crypto.js';

/** Kinds of keys this command makes. */
export type NewKeyType = 'ed25519' | 'ecdsa-p256';

interface Signing {
  readonly scheme: KeyScheme;
  /** TUF's own words for it, as key files say. */
  readonly keytype: string;
  readonly tufScheme: string;
}

const ED25519: Signing = { scheme: 'ed25519', keytype: 'ed25519', tufScheme: 'ed25519' };
const P256: Signing = { scheme: 'ecdsa-p256-sha256', keytype: 'ecdsa', tufScheme: 'ecdsa-sha2-nistp256' };
const P384: Signing = { scheme: 'ecdsa-p384-sha384', keytype: 'ecdsa', tufScheme: 'ecdsa-sha2-nistp384' };
const RSA: Signing = { scheme: 'rsa-pss-sha256', keytype: 'rsa', tufScheme: 'rsassa-pss-sha256' };

/** A private key in memory. It never appears in messages; `pkcs8` is for sealing and export alone. */
export interface PrivateKey extends KeySigner {
  readonly keytype: string;
  readonly tufScheme: string;
  /** PEM SubjectPublicKeyInfo. */
  readonly publicPem: string;
  /** The signer of documents that list this key with `scheme`: Notary's hash is SHA-256 on every curve. */
  by(scheme: KeyScheme): KeySigner;
  /** This key, to be listed as certificates. */
  listedAs(certificates: readonly Uint8Array[]): PrivateKey;
  pkcs8(): Uint8Array;
  /** PEM PKCS#8, encrypted with AES-256 under `passphrase`. */
  encryptedPem(passphrase: string): string;
}

export function generatePrivateKey(type: NewKeyType): PrivateKey {
  const pair = type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey(pair.privateKey);
}

/** @throws CountersignError `unsealed` where the bytes are no PKCS#8 key, `unsupported` for a kind we cannot sign with */
export function fromPkcs8(der: Uint8Array): PrivateKey {
  return read(() => createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' }));
}

/** A PEM key: PKCS#8, plain or encrypted, or what else OpenSSL reads. @throws CountersignError as `fromPkcs8` */
export function fromPem(pem: string, passphrase: string): PrivateKey {
  return read(() => createPrivateKey({ key: pem, format: 'pem', passphrase }));
}

function read(parse: () => KeyObject): PrivateKey {
  let key: KeyObject;
  try {
    key = parse();
  } catch (error) {
    throw new CountersignError('unsealed', 'the private key cannot be read', {
      cause: error,
      next: 'Check that the file holds a private key and that the passphrase is right.',
    });
  }
  return privateKey(key);
}

function privateKey(key: KeyObject, certificates?: readonly Uint8Array[]): PrivateKey {
  const signing = signingOf(key);
  const publicKey = createPublicKey(key);
  const bare: BareKey = {
    scheme: signing.scheme,
    spki: publicKey.export({ format: 'der', type: 'spki' }),
    ...(certificates === undefined ? {} : { certificates }),
  };
  return {
    key: bare,
    keytype: signing.keytype,
    tufScheme: signing.tufScheme,
    publicPem: pem(publicKey.export({ format: 'pem', type: 'spki' })),
    sign: async (bytes) => signBy(signing.scheme, key, bytes),
    by: (scheme) => ({ key: { ...bare, scheme }, sign: async (bytes) => signBy(scheme, key, bytes) }),
    listedAs: (listed) => privateKey(key, listed),
    pkcs8: () => key.export({ format: 'der', type: 'pkcs8' }),
    encryptedPem: (passphrase) => pem(key.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase })),
  };
}

function signingOf(key: KeyObject): Signing {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return ED25519;
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return P256;
  if (type === 'ec' && details?.namedCurve === 'secp384r1') return P384;
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= 2048) return RSA;
  throw new CountersignError('unsupported', `a ${type ?? 'secret'} key of this kind cannot sign here`, {
    next: 'Use an Ed25519, ECDSA P-256 or P-384 key, or RSA of 2,048 bits and more.',
  });
}

function pem(exported: string | Buffer): string {
  return exported.toString();
}
