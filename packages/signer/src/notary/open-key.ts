import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { compactDecrypt } from 'jose';
import { CountersignError, formatNamed, type Crypto } from '@countersign/client/tuf';
import { keyIdOf, type NewKey } from '../algorithms.js';
import type { SignerAlgorithm } from '../wire.js';
import type { NotaryKeyRow } from './database.js';

/** How Notary's signer seals. Its iterations are 8,192: a row that asks for many more is a way to burn CPU. */
const SEAL = {
  keyManagementAlgorithms: ['PBES2-HS256+A128KW'],
  contentEncryptionAlgorithms: ['A256GCM'],
  maxPBES2Count: 10_000,
};

/** PKCS #8 of an Ed25519 key but for its last 32 bytes. */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex');

/** What this signer calls Notary's algorithms. */
const ALGORITHMS: ReadonlyMap<string, SignerAlgorithm> = new Map([
  ['ecdsa', 'ecdsa-p256-sha256'],
  ['ed25519', 'ed25519'],
]);

/** A key of Notary's signer, opened and checked. */
export interface OpenedKey extends NewKey {
  readonly algorithm: SignerAlgorithm;
}

/**
 * Opens a private key, and makes sure that it is the key its row says: that it fits the public half, and this the key id.
 * The caller wipes `pkcs8` once it is sealed.
 * @throws CountersignError `unsealed` where the passphrase does not open it; `unsupported` for a kind of key this signer has
 * no use for; `wrong-key` for a key that is not what its row says
 */
export async function openKey(row: NotaryKeyRow, passphrase: string): Promise<OpenedKey> {
  const algorithm = ALGORITHMS.get(row.algorithm);
  if (algorithm === undefined)
    throw new CountersignError('unsupported', `this signer has no algorithm ${JSON.stringify(row.algorithm)}`);
  const secret = await unseal(row, passphrase);
  try {
    const privateKey = readPrivate(algorithm, secret);
    const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
    checkPublished(row, algorithm, spki);
    return { id: keyIdOf(spki), algorithm, spki, pkcs8: privateKey.export({ type: 'pkcs8', format: 'der' }) };
  } finally {
    secret.fill(0);
  }
}

async function unseal({ sealed }: NotaryKeyRow, passphrase: string): Promise<Uint8Array> {
  try {
    return (await compactDecrypt(sealed, Buffer.from(passphrase, 'utf8'), SEAL)).plaintext;
  } catch (cause) {
    throw new CountersignError('unsealed', 'wrong passphrase, or a damaged private key', { cause });
  }
}

/** ECDSA keys are SEC 1 in DER; Ed25519 keys the 32 public bytes, then Go's private key: the seed and those 32 again. */
function readPrivate(algorithm: SignerAlgorithm, secret: Uint8Array): KeyObject {
  try {
    if (algorithm === 'ecdsa-p256-sha256')
      return createPrivateKey({ key: Buffer.from(secret), format: 'der', type: 'sec1' });
    if (secret.length !== 96) throw new Error(`${secret.length} bytes instead of 96`);
    const pkcs8 = Buffer.concat([PKCS8_ED25519, secret.subarray(32, 64)]);
    return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new CountersignError('wrong-key', `it holds no private ${algorithm} key`, { cause });
  }
}

function checkPublished(row: NotaryKeyRow, scheme: SignerAlgorithm, spki: Uint8Array): void {
  const published = scheme === 'ed25519' ? Buffer.concat([SPKI_ED25519, row.published]) : row.published;
  if (Buffer.compare(published, spki) !== 0)
    throw new CountersignError('wrong-key', 'its private key does not belong to its public key');
  const id = formatNamed('notary-1').keyId({ scheme, spki }, { hash });
  if (id !== row.keyId) throw new CountersignError('wrong-key', `its key would have the id ${id}`);
}

const hash: Crypto['hash'] = (algorithm) => {
  const hasher = createHash(algorithm);
  return { update: (bytes) => void hasher.update(bytes), digest: () => hasher.digest() };
};
