import { readFile } from 'node:fs/promises';
import { readPublicKey } from '../../node/public-key.js';
import { publicKeyOf } from '../../tuf/compose.js';
import type { Crypto } from '../../tuf/crypto.js';
import { CountersignError } from '../../tuf/errors.js';
import type { Format } from '../../tuf/formats/format.js';
import type { PublicKey } from '../../tuf/model.js';

/** Bytes; a certificate has a few kilobytes. */
const MAX_KEY_FILE = 64 * 1024;

/**
 * Somebody's public key or certificate, as `format` lists it.
 * @throws CountersignError `not-found`, `too-large`, `malformed`, `unsupported`
 */
export async function givenKey(path: string, format: Format, crypto: Pick<Crypto, 'hash'>): Promise<PublicKey> {
  const pem = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CountersignError('not-found', `the key file ${path} cannot be read`, { cause });
  });
  if (pem.length > MAX_KEY_FILE) throw new CountersignError('too-large', `${path} is too large for a key file`);
  const key = publicKeyOf(format, readPublicKey(pem), crypto);
  if (key.scheme !== undefined) return key;
  throw new CountersignError('unsupported', `Notary's clients would not take the certificate in ${path}`, {
    next: 'Use one that is signed over SHA-256, of an ECDSA key or RSA of 2,048 bits and more.',
  });
}
