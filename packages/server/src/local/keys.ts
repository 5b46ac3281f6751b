import { createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto } from 'node:crypto';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };

/** How local certificates are signed. */
export const SIGNATURE_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' };

/** A new P-256 private key, as PKCS #8 PEM. */
export function newKeyPem(): string {
  return generateKeyPairSync('ec', { namedCurve: ALGORITHM.namedCurve })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

/** The key pair of a PEM private key, as WebCrypto has it: what `@peculiar/x509` signs with. */
export async function webKeys(keyPem: string): Promise<webcrypto.CryptoKeyPair> {
  const key = createPrivateKey(keyPem);
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  const spki = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']),
    webcrypto.subtle.importKey('spki', spki, ALGORITHM, true, ['verify']),
  ]);
  return { privateKey, publicKey };
}
