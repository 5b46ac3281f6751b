import { generateKeyPairSync, webcrypto } from 'node:crypto';
import * as x509 from '@countersign/client/x509';
import type { Home } from './home.js';

const YEAR_MS = 365 * 86_400_000;

/** The files of a key that targets are delegated to. */
export interface SignerKey {
  /** A public key or a certificate, PEM, as `delegation add` and `signer add` take it. */
  readonly public: string;
  /** The private key, PEM, not encrypted, as `key import` and `key load` take it. */
  readonly private: string;
}

/** A bare elliptic-curve key. */
export function makeSignerKey(home: Home, name: string): SignerKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return { public: home.write(`${name}.pem`, publicKey), private: home.write(`${name}-key.pem`, privateKey) };
}

/** A self-signed certificate that is valid for two years, so that nobody warns of its end. */
export async function makeSignerCertificate(home: Home, name: string, kind: 'ecdsa' | 'rsa'): Promise<SignerKey> {
  const algorithm = ALGORITHMS[kind];
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    notBefore: new Date(now - 86_400_000),
    notAfter: new Date(now + 2 * YEAR_MS),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new x509.BasicConstraintsExtension(false, undefined, true)],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return {
    public: home.write(`${name}.crt`, `${certificate.toString('pem')}\n`),
    private: home.write(`${name}-key.pem`, x509.PemConverter.encode(der, 'PRIVATE KEY')),
  };
}

const ALGORITHMS = {
  ecdsa: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  rsa: { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
} as const;
