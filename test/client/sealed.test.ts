import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { containing } from '../simulator/matchers.js';
import { readSealed, seal, unseal, type Sealed } from '../../packages/client/src/node/sealed.js';

const CHEAP = { N: 1024, r: 8, p: 1 };
const secret = new Uint8Array(randomBytes(48));

function refused(value: unknown): void {
  expect(() => readSealed(value)).toThrow(expect.objectContaining({ code: 'unsealed' }));
}

describe('sealed secrets', () => {
  it('come back under the passphrase', async () => {
    const sealed = readSealed(JSON.parse(JSON.stringify(await seal(secret, 'correct horse', CHEAP))));
    expect(await unseal(sealed, 'correct horse')).toEqual(secret);
  });

  it('are written in the field’s envelope at its cost', async () => {
    const sealed = await seal(secret, 'correct horse');
    expect(sealed).toMatchObject({
      kdf: { name: 'scrypt', params: { N: 65_536, r: 8, p: 1 } },
      cipher: { name: 'nacl/secretbox' },
    });
    expect(Buffer.from(sealed.cipher.nonce, 'base64')).toHaveLength(24);
  });

  it('never repeat salt, nonce or ciphertext', async () => {
    const [a, b] = [await seal(secret, 'p', CHEAP), await seal(secret, 'p', CHEAP)];
    expect([a.kdf.salt, a.cipher.nonce, a.ciphertext]).not.toEqual([b.kdf.salt, b.cipher.nonce, b.ciphertext]);
    expect(a.kdf.salt).not.toBe(b.kdf.salt);
    expect(a.cipher.nonce).not.toBe(b.cipher.nonce);
  });

  it('stay closed for a wrong passphrase', async () => {
    await expect(unseal(await seal(secret, 'right', CHEAP), 'wrong')).rejects.toMatchObject({ code: 'unsealed' });
  });

  it('need a passphrase', async () => {
    await expect(seal(secret, '', CHEAP)).rejects.toMatchObject({ code: 'usage' });
  });

  it('stay closed when any byte of the ciphertext is changed', async () => {
    const sealed = await seal(secret, 'right', CHEAP);
    const bytes = Buffer.from(sealed.ciphertext, 'base64');
    for (const at of [0, 15, 16, bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      await expect(unseal({ ...sealed, ciphertext: changed.toString('base64') }, 'right')).rejects.toMatchObject({
        code: 'unsealed',
      });
    }
  });

  it.each([
    ['memory without end', { N: 1 << 20, r: 32, p: 1 }],
    ['time without end', { N: 1024, r: 8, p: 1_000_000 }],
    ['N beyond the limit', { N: 1 << 30, r: 1, p: 1 }],
    ['N that is no power of two', { N: 1000, r: 8, p: 1 }],
    ['N of one', { N: 1, r: 8, p: 1 }],
    ['a negative r', { N: 1024, r: -8, p: 1 }],
    ['a fraction', { N: 1024, r: 8, p: 1.5 }],
    ['NaN', { N: Number.NaN, r: 8, p: 1 }],
  ])('refuse %s in a file', async (_what, params) => {
    const sealed = await seal(secret, 'p', CHEAP);
    await expect(unseal({ ...sealed, kdf: { ...sealed.kdf, params } }, 'p')).rejects.toMatchObject({
      code: 'unsealed',
      message: containing('outside the limits'),
    });
  });

  it('refuse what is no envelope', async () => {
    const good = await seal(secret, 'p', CHEAP);
    for (const value of [null, 7, 'x', [], {}, { ...good, kdf: null }, { ...good, ciphertext: 7 }]) refused(value);
    refused({ ...good, kdf: { ...good.kdf, name: 'pbkdf2' } });
    refused({ ...good, cipher: { ...good.cipher, name: 'rot13' } });
  });

  it('refuse base64 that is not exact', async () => {
    const good = await seal(secret, 'p', CHEAP);
    const bad: Sealed = { ...good, cipher: { ...good.cipher, nonce: `${good.cipher.nonce.slice(0, -2)}!!` } };
    await expect(unseal(bad, 'p')).rejects.toMatchObject({ code: 'unsealed' });
  });

  it('open at another cost and with members in another order', async () => {
    const { kdf, cipher, ciphertext } = await seal(secret, 'p', { N: 32_768, r: 8, p: 1 });
    const text = JSON.stringify({ ciphertext, cipher: { nonce: cipher.nonce, name: cipher.name }, kdf });
    expect(await unseal(readSealed(JSON.parse(text)), 'p')).toEqual(secret);
  });
});
