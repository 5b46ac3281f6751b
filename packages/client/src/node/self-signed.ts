import { webcrypto } from 'node:crypto';
import type { BareKey } from '../tuf/formats/format.js';
import { CountersignError } from '../tuf/errors.js';
import type { Gun, Instant } from '../tuf/names.js';
import type { PrivateKey } from './private-key.js';

export interface CertificateRequest {
  /** The collection it is made out to. */
  readonly gun: Gun;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
}

type Algorithm = webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams;

/** How WebCrypto names a key that a certificate can be of, and what it hashes with. */
interface Row {
  readonly algorithm: Algorithm;
  readonly hash: 'SHA-256' | 'SHA-384';
}

const P256: Row = { algorithm: { name: 'ECDSA', namedCurve: 'P-256' }, hash: 'SHA-256' };
const P384: Row = { algorithm: { name: 'ECDSA', namedCurve: 'P-384' }, hash: 'SHA-384' };
const RSA: Row = { algorithm: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, hash: 'SHA-256' };

/**
 * The certificate by which Notary's roots list their key, as its own clients make it (Notary v1, keys): made out to the
 * collection, for signing code, signed by itself. DER.
 * @throws CountersignError `unsupported` for a kind of key that Notary lists no certificates of
 */
export async function selfSigned(
  key: PrivateKey,
  { gun, notBefore, notAfter }: CertificateRequest,
): Promise<Uint8Array> {
  const { algorithm, hash } = rowOf(key.key);
  // Loaded where it is needed: most runs of a command make no certificate.
  const x509 = await import('./x509.js');
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(16))).toString('hex'),
    name: new x509.Name([{ CN: [{ utf8String: gun }] }]),
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    keys: await webKeys(key, algorithm),
    signingAlgorithm: { name: algorithm.name, hash },
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.codeSigning]),
      new x509.BasicConstraintsExtension(false, undefined, true),
    ],
  });
  return new Uint8Array(made.rawData);
}

function rowOf({ scheme }: BareKey): Row {
  if (scheme === 'ecdsa-p256-sha256') return P256;
  if (scheme === 'ecdsa-p384-sha384') return P384;
  if (scheme === 'rsa-pss-sha256') return RSA;
  throw new CountersignError('unsupported', 'a root key of a Notary collection cannot be Ed25519', {
    next: 'Use an ECDSA P-256 or P-384 key, or RSA of 2,048 bits and more: `countersign key generate --type ecdsa-p256`.',
  });
}

async function webKeys(key: PrivateKey, algorithm: Algorithm): Promise<webcrypto.CryptoKeyPair> {
  const pkcs8 = key.pkcs8();
  try {
    const [privateKey, publicKey] = await Promise.all([
      webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
      webcrypto.subtle.importKey('spki', key.key.spki, algorithm, true, ['verify']),
    ]);
    return { privateKey, publicKey };
  } finally {
    pkcs8.fill(0);
  }
}
