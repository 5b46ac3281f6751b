import { randomBytes, scrypt } from 'node:crypto';
import nacl from 'tweetnacl';
import { CountersignError } from '@countersign/client/tuf';

/** Cost of turning a passphrase into a key; memory is 128 · N · r bytes. */
export interface ScryptParams {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

export const DEFAULT_SCRYPT: ScryptParams = { N: 32_768, r: 8, p: 1 };

/** Above these a row is a denial of service, not a cost setting. Bytes for memory and salt. */
const LIMITS = { N: 1 << 20, r: 32, p: 16, memory: 256 * 1024 * 1024, salt: 64, sealed: 64 * 1024 } as const;

/**
 * The field's envelope for secrets at rest, as go-tuf and cosign write it. `salt`, `nonce` and `ciphertext` are standard
 * base64.
 */
export interface SealedEnvelope {
  readonly kdf: { readonly name: 'scrypt'; readonly params: ScryptParams; readonly salt: string };
  readonly cipher: { readonly name: 'nacl/secretbox'; readonly nonce: string };
  readonly ciphertext: string;
}

/** A key derived from a passphrase, with what it was derived by, so that its envelopes stand on their own. */
export interface SealingKey {
  readonly key: Uint8Array;
  readonly params: ScryptParams;
  readonly salt: Uint8Array;
}

export function newSalt(): Uint8Array {
  return randomBytes(32);
}

/** @throws CountersignError `unsealed` if `params` or `salt` are outside the limits */
export async function deriveKey(passphrase: string, salt: Uint8Array, params: ScryptParams): Promise<SealingKey> {
  checkCost(params, salt);
  // node's default maxmem refuses N = 32768; OpenSSL needs a little more than 128 · N · r · p
  const options = { ...params, maxmem: 128 * params.N * params.r + 128 * params.r * params.p + 1024 * 1024 };
  const key = await new Promise<Uint8Array>((resolve, reject) => {
    scrypt(passphrase, salt, nacl.secretbox.keyLength, options, (error, derived) => {
      if (error === null) resolve(derived);
      else reject(new CountersignError('unsealed', 'scrypt failed', { cause: error }));
    });
  });
  return { key, params, salt };
}

function checkCost({ N, r, p }: ScryptParams, salt: Uint8Array): void {
  const whole = [N, r, p].every((value) => Number.isSafeInteger(value) && value >= 1);
  const power = N >= 2 && N <= LIMITS.N && (N & (N - 1)) === 0;
  if (!whole || !power || r > LIMITS.r || p > LIMITS.p || 128 * N * r > LIMITS.memory) {
    throw new CountersignError('unsealed', `scrypt parameters N=${N} r=${r} p=${p} are outside the limits`);
  }
  if (salt.length < 8 || salt.length > LIMITS.salt) {
    throw new CountersignError('unsealed', `a salt of ${salt.length} bytes is outside the limits`);
  }
}

/** Seals under a fresh nonce. The answer is the envelope's JSON text. */
export function seal(by: SealingKey, secret: Uint8Array): string {
  const nonce = randomBytes(nacl.secretbox.nonceLength);
  const { N, r, p } = by.params;
  const sealed: SealedEnvelope = {
    kdf: { name: 'scrypt', params: { N, r, p }, salt: base64(by.salt) },
    cipher: { name: 'nacl/secretbox', nonce: base64(nonce) },
    ciphertext: base64(nacl.secretbox(secret, nonce, by.key)),
  };
  return JSON.stringify(sealed);
}

/**
 * Opens an envelope that was sealed by exactly `by`: its salt and parameters must be the same, so opening never costs a
 * scrypt.
 * @throws CountersignError `unsealed`: wrong passphrase, damaged or foreign envelope
 */
export function open(by: SealingKey, text: string): Uint8Array {
  const { kdf, cipher, ciphertext } = parseSealed(text);
  const { N, r, p } = kdf.params;
  const same = N === by.params.N && r === by.params.r && p === by.params.p && kdf.salt === base64(by.salt);
  if (!same) throw new CountersignError('unsealed', 'a sealed value was sealed under another salt or cost');
  const nonce = Buffer.from(cipher.nonce, 'base64');
  if (nonce.length !== nacl.secretbox.nonceLength) throw damaged();
  const secret = nacl.secretbox.open(Buffer.from(ciphertext, 'base64'), nonce, by.key);
  if (secret === null) throw new CountersignError('unsealed', 'wrong passphrase, or a damaged sealed value');
  return secret;
}

/**
 * Reads an envelope and what it was sealed by.
 * @throws CountersignError `unsealed`
 */
export function parseSealed(text: string): SealedEnvelope {
  if (text.length > LIMITS.sealed) throw damaged();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(cause);
  }
  if (!isSealed(value)) throw damaged();
  checkCost(value.kdf.params, Buffer.from(value.kdf.salt, 'base64'));
  return value;
}

/** An envelope before anybody looked inside. */
interface Unchecked {
  readonly kdf?: {
    readonly name?: unknown;
    readonly params?: Partial<Record<'N' | 'r' | 'p', unknown>> | null;
    readonly salt?: unknown;
  } | null;
  readonly cipher?: { readonly name?: unknown; readonly nonce?: unknown } | null;
  readonly ciphertext?: unknown;
}

function isSealed(value: unknown): value is SealedEnvelope {
  if (typeof value !== 'object' || value === null) return false;
  const { kdf, cipher, ciphertext }: Unchecked = value;
  const { N, r, p } = kdf?.params ?? {};
  return (
    kdf?.name === 'scrypt' &&
    typeof N === 'number' &&
    typeof r === 'number' &&
    typeof p === 'number' &&
    typeof kdf.salt === 'string' &&
    cipher?.name === 'nacl/secretbox' &&
    typeof cipher.nonce === 'string' &&
    typeof ciphertext === 'string'
  );
}

function damaged(cause?: unknown): CountersignError {
  return new CountersignError('unsealed', 'a sealed value is damaged', { cause });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
