import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import type { BareKey } from '../tuf/formats/format.js';
import { CountersignError } from '../tuf/errors.js';
import type { KeyScheme } from '../tuf/model.js';

const CURVES: ReadonlyMap<string | undefined, KeyScheme> = new Map([
  ['prime256v1', 'ecdsa-p256-sha256'],
  ['secp384r1', 'ecdsa-p384-sha256'],
  ['secp521r1', 'ecdsa-p521-sha256'],
]);

/**
 * A public key or certificate, as somebody hands it over for a Notary collection, whose signatures are over SHA-256 whatever
 * the curve. Of several certificates the first counts, as in Notary's tools. @throws CountersignError `malformed`, `unsupported`
 */
export function readPublicKey(pem: string): BareKey {
  if (pem.includes('PRIVATE KEY')) {
    throw new CountersignError('malformed', 'this is a private key, which is nobody else’s business', {
      next: 'Give the public one: `countersign key export ID --public`.',
    });
  }
  let key: KeyObject;
  let certificate: X509Certificate | undefined;
  try {
    certificate = pem.includes('BEGIN CERTIFICATE') ? new X509Certificate(pem) : undefined;
    key = certificate?.publicKey ?? createPublicKey(pem);
  } catch (cause) {
    throw new CountersignError('malformed', 'the public key cannot be read', {
      cause,
      next: 'Give a PEM file of a public key or certificate.',
    });
  }
  const scheme = schemeOf(key);
  const spki = key.export({ format: 'der', type: 'spki' });
  if (scheme !== undefined)
    return certificate === undefined ? { scheme, spki } : { scheme, spki, certificates: [certificate.raw] };
  throw new CountersignError('unsupported', 'Notary has no use for a key of this kind', {
    next: 'Use ECDSA P-256, Ed25519, or RSA of 2,048 bits and more.',
  });
}

function schemeOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): KeyScheme | undefined {
  if (type === 'ed25519') return 'ed25519';
  if (type === 'ec') return CURVES.get(details?.namedCurve);
  return type === 'rsa' && (details?.modulusLength ?? 0) >= 2048 ? 'rsa-pss-sha256-salt32' : undefined;
}
