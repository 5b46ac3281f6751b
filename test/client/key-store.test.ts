import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import { KeyStore, type KeyStoreOptions } from '../../packages/client/src/node/key-store.js';
import { seal } from '../../packages/client/src/node/sealed.js';
import { StoredKeyRing } from '../../packages/client/src/node/stored-key-ring.js';
import { publicKeyOf } from '../../packages/client/src/tuf/compose.js';
import { formatNamed } from '../../packages/client/src/tuf/formats/index.js';
import { parseKeyId } from '../../packages/client/src/tuf/names.js';
import { containing } from '../simulator/matchers.js';

const CHEAP = { N: 1024, r: 8, p: 1 };
const message = Buffer.from('signed bytes');
let parent: string;
let directory: string;
let store: KeyStore;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'countersign-keys-'));
  directory = join(parent, 'keys');
  store = new KeyStore(options());
});
afterEach(() => rmSync(parent, { recursive: true }));

function options(): KeyStoreOptions {
  return { directory, format: formatNamed('tuf-1'), crypto: nodeCrypto, scrypt: CHEAP };
}

const fileOf = (id: string): string => join(directory, `${id}.json`);

describe('a key store', () => {
  it.each(['ed25519', 'ecdsa-p256'] as const)('makes a %s key whose signatures verify', async (type) => {
    const { id } = await store.generate(type, 'secret');
    const signer = await store.load(id, 'secret');
    const value = await signer.sign(message);
    const scheme = signer.key.scheme;
    const key = formatNamed('tuf-1').parseKey(formatNamed('tuf-1').renderKey(signer.key), nodeCrypto);
    expect(key.id).toBe(id);
    expect(await nodeCrypto.verify(key, { keyId: id, value }, message)).toBe(true);
    const spki = createPublicKey({ key: Buffer.from(signer.key.spki), format: 'der', type: 'spki' });
    expect(verify(scheme === 'ed25519' ? null : 'sha256', message, spki, value)).toBe(true);
  });

  it('is for its user alone', async () => {
    const { id } = await store.generate('ed25519', 'secret');
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(fileOf(id)).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual([`${id}.json`]);
  });

  it('lists keys without a passphrase, and passes other files over', async () => {
    expect(await store.list()).toEqual([]);
    const made = [await store.generate('ed25519', 'a'), await store.generate('ecdsa-p256', 'b')];
    writeFileSync(join(directory, 'notes.txt'), 'x');
    const ids = made.map(({ id }) => id).sort();
    expect((await store.list()).map(({ id }) => id)).toEqual(ids);
    expect(await store.has(ids[0]!)).toBe(true);
    expect(await store.has(parseKeyId('00'.repeat(32)))).toBe(false);
  });

  it('stays closed under a wrong passphrase, and tells nothing', async () => {
    const { id } = await store.generate('ed25519', 'secret');
    const error = await store.load(id, 'not it').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'unsealed' });
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain('not it');
  });

  it('keeps nothing secret in the clear', async () => {
    const { id } = await store.generate('ed25519', 'correct horse');
    const text = readFileSync(fileOf(id), 'utf8');
    const pem = await store.exportPrivate(id, 'correct horse');
    const { d } = createPrivateKey({ key: pem, passphrase: 'correct horse' }).export({ format: 'jwk' });
    const seed = Buffer.from(d!, 'base64url');
    for (const form of ['hex', 'base64', 'base64url', 'latin1'] as const)
      expect(text).not.toContain(seed.toString(form));
    expect(text).not.toContain('correct horse');
  });

  it('refuses a file whose halves do not belong together', async () => {
    const [a, b] = [await store.generate('ed25519', 'p'), await store.generate('ed25519', 'p')];
    const [fileA, fileB] = [a, b].map(
      ({ id }) => JSON.parse(readFileSync(fileOf(id), 'utf8')) as Record<string, unknown>,
    );
    writeFileSync(fileOf(a.id), JSON.stringify({ ...fileA, encrypted: fileB!['encrypted'] }));
    await expect(store.load(a.id, 'p')).rejects.toMatchObject({ code: 'unsealed' });
    writeFileSync(fileOf(a.id), JSON.stringify(fileB));
    await expect(store.load(a.id, 'p')).rejects.toMatchObject({ code: 'unsealed' });
  });

  it.each(['', '{', 'null', '{}', '[1]', '{"keytype":"ed25519","scheme":"ed25519","public":"x","encrypted":{}}'])(
    'refuses the damaged file %j',
    async (text) => {
      const { id } = await store.generate('ed25519', 'p');
      writeFileSync(fileOf(id), text);
      await expect(store.load(id, 'p')).rejects.toMatchObject({ code: 'unsealed' });
    },
  );

  it('refuses a file too large to be one', async () => {
    const { id } = await store.generate('ed25519', 'p');
    writeFileSync(fileOf(id), Buffer.alloc(100_000, 32));
    await expect(store.load(id, 'p')).rejects.toMatchObject({ code: 'unsealed' });
  });

  it.each<[string, (file: string, other: string) => void]>([
    ['is damaged', (file) => writeFileSync(file, '{}')],
    ['holds the key of another', (file, other) => copyFileSync(other, file)],
    [
      'is a directory',
      (file) => {
        rmSync(file);
        mkdirSync(file);
      },
    ],
  ])('names a file that %s; the others are listed where somebody is told', async (_, damage) => {
    const [bad, good] = [await store.generate('ed25519', 'p'), await store.generate('ed25519', 'p')];
    damage(fileOf(bad.id), fileOf(good.id));
    await expect(store.list()).rejects.toMatchObject({ message: containing(fileOf(bad.id)) });
    const told: string[] = [];
    const telling = new KeyStore({ ...options(), onUnusable: ({ message }) => told.push(message) });
    expect((await telling.list()).map(({ id }) => id)).toEqual([good.id]);
    expect(told).toEqual([containing(fileOf(bad.id))]);
  });

  it('has no key of an unknown id, and no path as one', async () => {
    await expect(store.load(parseKeyId('00'.repeat(32)), 'p')).rejects.toMatchObject({ code: 'not-found' });
    await expect(store.load(parseKeyId('../../etc/passwd'), 'p')).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('import and export', () => {
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const der = (): Buffer => p256.export({ format: 'der', type: 'pkcs8' });
  const FORMS: readonly (readonly [string, () => Promise<string>, string])[] = [
    ['plain PKCS#8', async () => p256.export({ format: 'pem', type: 'pkcs8' }).toString(), ''],
    [
      'encrypted PKCS#8',
      async () => p256.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'old' }).toString(),
      'old',
    ],
    ['the field’s envelope', async () => JSON.stringify(await seal(der(), 'old', CHEAP)), 'old'],
    [
      'a cosign key file',
      async () => {
        const body = Buffer.from(JSON.stringify(await seal(der(), 'old', CHEAP))).toString('base64');
        return `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n${body.replace(/.{64}/gu, '$&\n')}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n`;
      },
      'old',
    ],
  ];

  it.each(FORMS)('takes %s', async (_form, text, opens) => {
    const { id, scheme } = await store.import(await text(), opens, 'new');
    expect(scheme).toBe('ecdsa-sha2-nistp256');
    const value = await (await store.load(id, 'new')).sign(message);
    expect(verify('sha256', message, createPublicKey(p256), value)).toBe(true);
  });

  it.each(FORMS.slice(1))('refuses %s under a wrong passphrase', async (_form, text) => {
    await expect(store.import(await text(), 'wrong', 'new')).rejects.toMatchObject({ code: 'unsealed' });
    expect(await store.list()).toEqual([]);
  });

  it('takes its own key files', async () => {
    const { id } = await store.generate('ed25519', 'p');
    const text = readFileSync(fileOf(id), 'utf8');
    rmSync(fileOf(id));
    expect(await store.import(text, 'p', 'q')).toMatchObject({ id });
    await store.load(id, 'q');
  });

  it('exports a private key encrypted, and the public half', async () => {
    const { id } = await store.generate('ecdsa-p256', 'p');
    const pem = await store.exportPrivate(id, 'p');
    expect(pem).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    const again = createPublicKey(createPrivateKey({ key: pem, passphrase: 'p' })).export({
      format: 'pem',
      type: 'spki',
    });
    expect(await store.exportPublic(id)).toBe(again.toString());
  });

  it.each([
    ['a curve nobody uses', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey],
    ['a key that cannot sign', generateKeyPairSync('x25519').privateKey],
    ['RSA of 1,024 bits', generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey],
  ])('refuses %s', async (_what, key) => {
    const pem = key.export({ format: 'pem', type: 'pkcs8' }).toString();
    await expect(store.import(pem, '', 'p')).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('refuses what is no key', async () => {
    await expect(store.import('hello', '', 'p')).rejects.toMatchObject({ code: 'unsealed' });
    await expect(store.import('{"a":1}', '', 'p')).rejects.toMatchObject({ code: 'unsealed' });
  });
});

describe('a ring of stored keys', () => {
  it('asks again for a key that could not be opened, and once for one that could', async () => {
    const { key } = await store.generate('ed25519', 'secret');
    const passphrases = ['mistyped', 'secret'];
    const ring = new StoredKeyRing(store, (each) => store.load(each, passphrases.shift() ?? 'none'));
    const keys = [publicKeyOf(formatNamed('tuf-1'), key, nodeCrypto)];
    await expect(ring.open(keys)).rejects.toMatchObject({ code: 'unsealed' });
    expect(await ring.open(keys)).toHaveLength(1);
    expect(await ring.open(keys)).toHaveLength(1);
  });
});
