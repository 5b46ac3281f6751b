import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { DEFAULT_SCRYPT, deriveKey, newSalt, open, parseSealed, seal } from '../../packages/signer/src/seal.js';
import { CHEAP } from './workbench.js';

interface Vector {
  readonly passphrase: string;
  readonly secret: string;
  readonly envelope: object;
}

/** Made by another implementation: Python's hashlib.scrypt, and XSalsa20-Poly1305 written out from its specification. */
const VECTOR = JSON.parse(await readFile(new URL('sealed-vector.json', import.meta.url), 'utf8')) as Vector;

const unsealed = expect.objectContaining({ code: 'unsealed' }) as unknown;

describe('an envelope', () => {
  it('of another implementation is opened', async () => {
    const { passphrase, secret, envelope } = VECTOR;
    const { params, salt } = parseSealed(JSON.stringify(envelope)).kdf;
    const key = await deriveKey(passphrase, Buffer.from(salt, 'base64'), params);
    expect(Buffer.from(open(key, JSON.stringify(envelope))).toString('utf8')).toBe(secret);
  });

  it('has the layout of the field, at its cost', async () => {
    const key = await deriveKey('passphrase', newSalt(), DEFAULT_SCRYPT);
    expect(JSON.parse(seal(key, Buffer.from('secret')))).toEqual({
      kdf: { name: 'scrypt', params: { N: 32768, r: 8, p: 1 }, salt: Buffer.from(key.salt).toString('base64') },
      cipher: { name: 'nacl/secretbox', nonce: expect.stringMatching(/^[\w+/]{32}$/u) as string },
      ciphertext: expect.stringMatching(/^[\w+/]+=*$/u) as string,
    });
  });

  it('has a nonce of its own each time', async () => {
    const key = await deriveKey('passphrase', newSalt(), CHEAP);
    const nonces = new Set(Array.from({ length: 100 }, () => parseSealed(seal(key, Buffer.alloc(32))).cipher.nonce));
    expect(nonces.size).toBe(100);
  });

  it('is not opened by another passphrase', async () => {
    const salt = newSalt();
    const sealed = seal(await deriveKey('right', salt, CHEAP), Buffer.from('secret'));
    const wrong = await deriveKey('wrong', salt, CHEAP);
    expect(() => open(wrong, sealed)).toThrow(unsealed);
  });

  it('is not opened when any byte of it was changed', async () => {
    const key = await deriveKey('passphrase', newSalt(), CHEAP);
    const envelope = parseSealed(seal(key, Buffer.from('secret')));
    const ciphertext = Buffer.from(envelope.ciphertext, 'base64');
    for (let index = 0; index < ciphertext.length; index++) {
      const changed = Buffer.from(ciphertext);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(() => open(key, JSON.stringify({ ...envelope, ciphertext: changed.toString('base64') }))).toThrow(
        unsealed,
      );
    }
  });

  it('of another salt is not opened', async () => {
    const [one, other] = [
      await deriveKey('passphrase', newSalt(), CHEAP),
      await deriveKey('passphrase', newSalt(), CHEAP),
    ];
    expect(() => open(one, seal(other, Buffer.from('secret')))).toThrow(unsealed);
  });

  it.each([
    ['costs too much memory', { N: 1 << 20, r: 32, p: 1 }],
    ['has an N that is no power of two', { N: 32_767, r: 8, p: 1 }],
    ['has an N of one', { N: 1, r: 8, p: 1 }],
    ['has a fraction', { N: 1024, r: 1.5, p: 1 }],
    ['has no p', { N: 1024, r: 8, p: 0 }],
    ['has an endless p', { N: 1024, r: 8, p: 1e6 }],
  ])('is refused before any work if its scrypt %s', async (_, params) => {
    const key = await deriveKey('passphrase', newSalt(), CHEAP);
    const envelope = parseSealed(seal(key, Buffer.from('secret')));
    const text = JSON.stringify({ ...envelope, kdf: { ...envelope.kdf, params } });
    expect(() => parseSealed(text)).toThrow(unsealed);
    await expect(deriveKey('passphrase', newSalt(), params)).rejects.toThrow(unsealed);
  });

  it.each(['', '{}', 'null', '[]', '{"kdf":null}', '{"kdf":{"name":"scrypt"}}', 'x'.repeat(100_000)])(
    'that is none is refused (%#)',
    (text) => {
      expect(() => parseSealed(text)).toThrow(unsealed);
    },
  );
});
