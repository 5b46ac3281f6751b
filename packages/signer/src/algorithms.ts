import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import { CountersignError } from '@countersign/client/tuf';
import type { SignerAlgorithm } from './wire.js';

const generate = promisify(generateKeyPair);

/** Everything the signer knows about one algorithm, in one place. */
interface Algorithm {
  generate(): Promise<{ readonly publicKey: KeyObject; readonly privateKey: KeyObject }>;
  /** 64 raw bytes for Ed25519, ASN.1 DER for ECDSA. */
  sign(key: KeyObject, bytes: Uint8Array): Uint8Array;
  verify(key: KeyObject, signature: Uint8Array, bytes: Uint8Array): boolean;
}

const ALGORITHMS: Readonly<Record<SignerAlgorithm, Algorithm>> = {
  ed25519: {
    generate: () => generate('ed25519', {}),
    sign: (key, bytes) => sign(null, bytes, key),
    verify: (key, signature, bytes) => verify(null, bytes, key, signature),
  },
  'ecdsa-p256-sha256': {
    generate: () => generate('ec', { namedCurve: 'P-256' }),
    sign: (key, bytes) => sign('sha256', bytes, { key, dsaEncoding: 'der' }),
    verify: (key, signature, bytes) => verify('sha256', bytes, { key, dsaEncoding: 'der' }, signature),
  },
};

/** A key pair on its way to being sealed: the only moment a private key is bytes. */
export interface NewKey {
  readonly id: string;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** DER PKCS #8. The caller wipes it once it is sealed. */
  readonly pkcs8: Uint8Array;
}

/** Lower-case hex SHA-256 of the DER SubjectPublicKeyInfo. */
export function keyIdOf(spki: Uint8Array): string {
  return createHash('sha256').update(spki).digest('hex');
}

export async function generateKey(algorithm: SignerAlgorithm): Promise<NewKey> {
  const pair = await ALGORITHMS[algorithm].generate();
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
  return { id: keyIdOf(spki), spki, pkcs8: pair.privateKey.export({ type: 'pkcs8', format: 'der' }) };
}

/** A private key ready to sign. node:crypto holds the key; nothing here can turn it back into bytes by accident. */
export interface SigningKey {
  sign(bytes: Uint8Array): Uint8Array;
  verify(signature: Uint8Array, bytes: Uint8Array): boolean;
}

/**
 * @param id what the key's public half must hash to: a sealed key moved to another row is refused
 * @throws CountersignError `unsealed`
 */
export function signingKey(algorithm: SignerAlgorithm, pkcs8: Uint8Array, id: string): SigningKey {
  const row = ALGORITHMS[algorithm];
  const { privateKey, publicKey } = importKey(pkcs8, id);
  if (keyIdOf(publicKey.export({ type: 'spki', format: 'der' })) !== id) {
    throw new CountersignError('unsealed', `the sealed private key of ${id} belongs to another key`, {
      next: 'Restore the signer database from a backup.',
    });
  }
  return {
    sign: (bytes) => row.sign(privateKey, bytes),
    verify: (signature, bytes) => row.verify(publicKey, signature, bytes),
  };
}

function importKey(pkcs8: Uint8Array, id: string): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  try {
    const privateKey = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
    return { privateKey, publicKey: createPublicKey(privateKey) };
  } catch (cause) {
    throw new CountersignError('unsealed', `the sealed private key of ${id} is damaged`, { cause });
  }
}
