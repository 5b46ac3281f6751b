import { sha256, sha512 } from '@noble/hashes/sha2.js';
import type { Crypto, Hasher } from './tuf/crypto.js';
import { CountersignError } from './tuf/errors.js';
import type { KeyScheme, PublicKey } from './tuf/model.js';
import { coordinateSize, ecdsaToFixed, parseSpki, type Curve } from './tuf/spki.js';

type Sha = 'SHA-256' | 'SHA-384' | 'SHA-512';

type Method =
  | { readonly name: 'Ed25519' }
  | { readonly name: 'ECDSA'; readonly hash: Sha; readonly curve: Curve }
  | { readonly name: 'RSA-PSS'; readonly hash: Sha; readonly saltLength?: number }
  | { readonly name: 'RSASSA-PKCS1-v1_5'; readonly hash: Sha };

const METHODS: Readonly<Record<KeyScheme, Method>> = {
  ed25519: { name: 'Ed25519' },
  'ecdsa-p256-sha256': { name: 'ECDSA', hash: 'SHA-256', curve: 'P-256' },
  'ecdsa-p384-sha256': { name: 'ECDSA', hash: 'SHA-256', curve: 'P-384' },
  'ecdsa-p384-sha384': { name: 'ECDSA', hash: 'SHA-384', curve: 'P-384' },
  'ecdsa-p521-sha256': { name: 'ECDSA', hash: 'SHA-256', curve: 'P-521' },
  'ecdsa-p521-sha512': { name: 'ECDSA', hash: 'SHA-512', curve: 'P-521' },
  'rsa-pss-sha256': { name: 'RSA-PSS', hash: 'SHA-256' },
  'rsa-pss-sha256-salt32': { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 },
  'rsa-pss-sha384': { name: 'RSA-PSS', hash: 'SHA-384' },
  'rsa-pss-sha512': { name: 'RSA-PSS', hash: 'SHA-512' },
  'rsa-pkcs1v15-sha256': { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  'rsa-pkcs1v15-sha384': { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' },
  'rsa-pkcs1v15-sha512': { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' },
};

const DIGEST_BYTES: Readonly<Record<Sha, number>> = { 'SHA-256': 32, 'SHA-384': 48, 'SHA-512': 64 };

const keys = new WeakMap<PublicKey, Map<KeyScheme, Promise<CryptoKey>>>();

function imported(key: PublicKey, scheme: KeyScheme): Promise<CryptoKey> {
  let known = keys.get(key);
  if (known === undefined) keys.set(key, (known = new Map<KeyScheme, Promise<CryptoKey>>()));
  let promise = known.get(scheme);
  if (promise === undefined) {
    const method = METHODS[scheme];
    const algorithm = method.name === 'ECDSA' ? { name: method.name, namedCurve: method.curve } : { ...method };
    promise = crypto.subtle.importKey('spki', ownBuffer(key.spki), algorithm, false, ['verify']);
    known.set(scheme, promise);
  }
  return promise;
}

/** WebCrypto takes no view of a shared buffer; only such a view is copied. */
function ownBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return isOwn(bytes) ? bytes : new Uint8Array(bytes);
}

function isOwn(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}

async function verifyEd25519(key: PublicKey, value: Uint8Array, bytes: Uint8Array): Promise<boolean> {
  let subtleKey: CryptoKey;
  try {
    subtleKey = await imported(key, 'ed25519');
  } catch {
    // The import of a well-formed key fails only where this WebCrypto has no Ed25519. Elsewhere the script is never loaded.
    const { verifyEd25519InScript } = await import('./ed25519.js');
    return verifyEd25519InScript(key.spki, value, bytes);
  }
  return crypto.subtle.verify('Ed25519', subtleKey, ownBuffer(value), ownBuffer(bytes));
}

/** WebCrypto cannot find the salt's length by itself; where none is laid down, these are the two that signers use (tuf.md E). */
function saltLengths(method: Method & { readonly name: 'RSA-PSS' }, modulusBits: number): readonly number[] {
  if (method.saltLength !== undefined) return [method.saltLength];
  const digestBytes = DIGEST_BYTES[method.hash];
  return [digestBytes, Math.ceil((modulusBits - 1) / 8) - digestBytes - 2];
}

async function verifyRsaPss(
  key: PublicKey,
  scheme: KeyScheme,
  method: Method & { readonly name: 'RSA-PSS' },
  value: Uint8Array,
  bytes: Uint8Array,
): Promise<boolean> {
  const info = parseSpki(key.spki);
  if (info.kind !== 'rsa') return false;
  const subtleKey = await imported(key, scheme);
  for (const saltLength of saltLengths(method, info.modulusBits)) {
    const algorithm = { name: 'RSA-PSS', saltLength };
    if (await crypto.subtle.verify(algorithm, subtleKey, ownBuffer(value), ownBuffer(bytes))) return true;
  }
  return false;
}

async function verifyWith(key: PublicKey, scheme: KeyScheme, value: Uint8Array, bytes: Uint8Array): Promise<boolean> {
  const method = METHODS[scheme];
  switch (method.name) {
    case 'Ed25519':
      return verifyEd25519(key, value, bytes);
    case 'RSA-PSS':
      return verifyRsaPss(key, scheme, method, value, bytes);
    case 'RSASSA-PKCS1-v1_5':
      return crypto.subtle.verify(method.name, await imported(key, scheme), ownBuffer(value), ownBuffer(bytes));
    case 'ECDSA': {
      const algorithm = { name: method.name, hash: method.hash };
      const fixed = ecdsaToFixed(value, coordinateSize(method.curve));
      return crypto.subtle.verify(algorithm, await imported(key, scheme), ownBuffer(fixed), ownBuffer(bytes));
    }
  }
}

/** The core's cryptography for browsers and other runtimes of the web platform. Hashing is a library's: WebCrypto cannot stream. */
export const webCrypto: Crypto = {
  async verify(key, signature, bytes) {
    const scheme = signature.scheme ?? key.scheme;
    if (scheme === undefined) return false;
    try {
      return await verifyWith(key, scheme, signature.value, bytes);
    } catch (error) {
      // Keys and signatures that cannot be read verify nothing: ours say `malformed`, WebCrypto's are DOMExceptions.
      if (error instanceof CountersignError || error instanceof DOMException) return false;
      throw error;
    }
  },
  hash(algorithm): Hasher {
    const hash = (algorithm === 'sha256' ? sha256 : sha512).create();
    return {
      update(bytes) {
        hash.update(bytes);
      },
      digest: () => hash.digest(),
    };
  },
};
