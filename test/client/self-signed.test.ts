import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import { fromPkcs8, type PrivateKey } from '../../packages/client/src/node/private-key.js';
import { selfSigned } from '../../packages/client/src/node/self-signed.js';
import { publicKeyOf } from '../../packages/client/src/tuf/compose.js';
import { formatNamed } from '../../packages/client/src/tuf/formats/index.js';
import type { Root } from '../../packages/client/src/tuf/model.js';
import { instant, parseGun } from '../../packages/client/src/tuf/names.js';

const NOW = instant(Date.parse('2030-01-01T00:00:00Z'));
const END = instant(Date.parse('2039-12-30T00:00:00Z'));
/** 1.3.6.1.5.5.7.3.3 */
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';
const notary = formatNamed('notary-1');

const KINDS: Readonly<
  Record<string, () => { privateKey: { export: (as: { format: 'der'; type: 'pkcs8' }) => Buffer } }>
> = {
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  RSA: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
};

function keyOf(kind: string): PrivateKey {
  return fromPkcs8(KINDS[kind]!().privateKey.export({ format: 'der', type: 'pkcs8' }));
}

describe.each(Object.keys(KINDS))('a certificate over a %s key', (kind) => {
  const gun = parseGun('example.com/team/app, with=odd+"name"');
  let key: PrivateKey;
  let der: Uint8Array;
  beforeAll(async () => {
    key = keyOf(kind);
    der = await selfSigned(key, { gun, notBefore: NOW, notAfter: END });
  });

  it('is what Notary’s own clients make', () => {
    const certificate = new X509Certificate(der);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual([CODE_SIGNING]);
    expect([certificate.validFrom, certificate.validTo].map((text) => Date.parse(text))).toEqual([NOW, END]);
    expect(certificate.serialNumber.length).toBeGreaterThan(16);
    expect(certificate.publicKey.export({ format: 'der', type: 'spki' }).equals(key.key.spki)).toBe(true);
  });

  it('lists a root key that counts for the collection it is made out to, and for no other', () => {
    const listed = publicKeyOf(notary, key.listedAs([der]).key, nodeCrypto);
    expect(listed.id).toBe(notary.keyId(key.listedAs([der]).key, nodeCrypto));
    expect(listed.id).not.toBe(notary.keyId(key.key, nodeCrypto));
    const role = { name: 'root', keyIds: [listed.id], threshold: 1 };
    const root = { keys: new Map([[listed.id, listed]]), roles: { root: role } } as unknown as Root;
    const counting = (name: string): number =>
      notary.countingKeys(root, { gun: parseGun(name), now: NOW, as: 'new' }).keyIds.length;
    expect([counting(gun), counting('example.com/team/other')]).toEqual([1, 0]);
  });

  it('signs as Notary has it', async () => {
    const own = key.listedAs([der]);
    const listed = publicKeyOf(notary, own.key, nodeCrypto);
    const signer = own.by(listed.scheme!);
    const bytes = Buffer.from('{"signed":true}');
    const value = await signer.sign(bytes);
    const signature = { keyId: listed.id, scheme: signer.key.scheme, value };
    expect(() => notary.assemble(bytes, [signature])).not.toThrow();
    expect(await nodeCrypto.verify(listed, signature, bytes)).toBe(true);
  });
});

it('no certificate is made over an Ed25519 key', async () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const key = fromPkcs8(privateKey.export({ format: 'der', type: 'pkcs8' }));
  const wanted = { gun: parseGun('example.com/app'), notBefore: NOW, notAfter: END };
  await expect(selfSigned(key, wanted)).rejects.toMatchObject({ code: 'unsupported' });
  expect(() => notary.keyId(key.listedAs([Buffer.from('x')]).key, nodeCrypto)).toThrow(
    expect.objectContaining({ code: 'unsupported' }),
  );
});
