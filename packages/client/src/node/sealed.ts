import { randomBytes, scrypt } from 'node:crypto';
import type tweetnacl from 'tweetnacl';
import { CountersignError } from '../tuf/errors.js';

/** Cost of turning a passphrase into a key; memory is 128 · N · r bytes. */
export interface ScryptParams {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** What cosign writes: 64 MiB, a fifth of a second or so. */
export const DEFAULT_SCRYPT: ScryptParams = { N: 65_536, r: 8, p: 1 };

/** Bytes of the parts of NaCl's secretbox. */
const BOX = { key: 32, nonce: 24, overhead: 16 } as const;

/** What a file may make us spend, in bytes where not a count. */
const LIMITS = { N: 1 << 20, r: 32, p: 16, memory: 256 * 1024 * 1024, salt: 64, secret: 64 * 1024 } as const;

/** The field's envelope for secrets at rest, as go-tuf and cosign write it; binary members are standard base64. */
export interface Sealed {
  readonly kdf: { readonly name: 'scrypt'; readonly params: ScryptParams; readonly salt: string };
  readonly cipher: { readonly name: 'nacl/secretbox'; readonly nonce: string };
  readonly ciphertext: string;
}

/**
 * Seals `secret` under a passphrase with a fresh salt and nonce.
 * @throws CountersignError `usage` where the passphrase is empty
 */
export async function seal(secret: Uint8Array, passphrase: string, params = DEFAULT_SCRYPT): Promise<Sealed> {
  if (passphrase === '') {
    throw new CountersignError('usage', 'a private key needs a passphrase', { next: 'Choose one that is not empty.' });
  }
  const salt = randomBytes(32);
  const nonce = randomBytes(BOX.nonce);
  const key = await derive(passphrase, salt, params);
  const { secretbox } = await nacl();
  return {
    kdf: { name: 'scrypt', params: { N: params.N, r: params.r, p: params.p }, salt: base64(salt) },
    cipher: { name: 'nacl/secretbox', nonce: base64(nonce) },
    ciphertext: base64(secretbox(secret, nonce, key)),
  };
}

/** @throws CountersignError `unsealed`: wrong passphrase, damaged envelope, or costs outside the limits */
export async function unseal(sealed: Sealed, passphrase: string): Promise<Uint8Array> {
  const key = await derive(passphrase, bytes(sealed.kdf.salt, 8, LIMITS.salt), sealed.kdf.params);
  const nonce = bytes(sealed.cipher.nonce, BOX.nonce, BOX.nonce);
  const ciphertext = bytes(sealed.ciphertext, BOX.overhead, LIMITS.secret);
  const { secretbox } = await nacl();
  const secret = secretbox.open(ciphertext, nonce, key);
  if (secret !== null) return secret;
  throw new CountersignError('unsealed', 'the passphrase is wrong, or the key file is damaged', {
    next: 'Try the passphrase again.',
  });
}

/** Loaded where a key is opened or sealed: who only reads has none. */
async function nacl(): Promise<Pick<typeof tweetnacl, 'secretbox'>> {
  return (await import('tweetnacl')).default;
}

/** Reads a parsed envelope of unknown origin. @throws CountersignError `unsealed` where it is not one */
export function readSealed(value: unknown): Sealed {
  const { kdf, cipher, ciphertext } = record(value);
  const { name: kdfName, params, salt } = record(kdf);
  const { name: cipherName, nonce } = record(cipher);
  const { N, r, p } = record(params);
  if (kdfName !== 'scrypt' || cipherName !== 'nacl/secretbox')
    throw damaged('is sealed by other means than scrypt and nacl/secretbox');
  if (typeof N !== 'number' || typeof r !== 'number' || typeof p !== 'number')
    throw damaged('has no scrypt parameters');
  if (typeof salt !== 'string' || typeof nonce !== 'string' || typeof ciphertext !== 'string')
    throw damaged('lacks a member');
  return { kdf: { name: kdfName, params: { N, r, p }, salt }, cipher: { name: cipherName, nonce }, ciphertext };
}

async function derive(passphrase: string, salt: Uint8Array, { N, r, p }: ScryptParams): Promise<Uint8Array> {
  const whole = [N, r, p].every((value) => Number.isSafeInteger(value) && value >= 1);
  const affordable = N <= LIMITS.N && r <= LIMITS.r && p <= LIMITS.p && 128 * N * r <= LIMITS.memory;
  if (!whole || !affordable || N < 2 || (N & (N - 1)) !== 0) throw damaged('has scrypt parameters outside the limits');
  // Node's default maxmem refuses N = 32768; OpenSSL needs a little more than 128 · N · r · p.
  const options = { N, r, p, maxmem: 128 * N * r + 128 * r * p + 1024 * 1024 };
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, BOX.key, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(new CountersignError('unsealed', 'scrypt failed', { cause: error }));
    });
  });
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw damaged('is not one');
  return { ...value };
}

function bytes(text: string, min: number, max: number): Uint8Array {
  const decoded = Buffer.from(text, 'base64');
  if (decoded.toString('base64') !== text || decoded.length < min || decoded.length > max) throw damaged('is damaged');
  return decoded;
}

function base64(value: Uint8Array): string {
  return Buffer.from(value).toString('base64');
}

function damaged(how: string): CountersignError {
  return new CountersignError('unsealed', `the key envelope ${how}`, { next: 'Restore the key file from a backup.' });
}
