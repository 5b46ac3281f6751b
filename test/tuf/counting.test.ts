import { describe, expect, it } from 'vitest';
import { formatNamed, parseKeyId, verifyRole, type Role, type RoleName } from '@countersign/client/tuf';
import { nodeCrypto } from '@countersign/client/node';
import { listedAs, newKey, relabelled, underScheme, type SimKey } from '../simulator/keys.js';
import { by, count, fileOf, rootWith, signedBy } from './support/roots.js';

/* Signatures and thresholds: what counts, what is passed over, what refuses the file (K1 to K5). */

const format = formatNamed('tuf-1');
const [a, b, c] = [newKey(), newKey('ecdsa'), newKey('rsa')];
const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });

describe('K1: a key id that signs twice', () => {
  it('refuses the file, though the threshold is met', () => {
    const root = rootWith([a, b]);
    const sign = by(root);
    expect(() => format.parseRoot(fileOf(root, [sign(a), sign(b), sign(a)]))).toThrow(code('malformed'));
    expect(() => format.parseRoot(fileOf(root, [sign(a), sign(b), sign(b, '')]))).toThrow(code('malformed'));
    expect(format.parseRoot(fileOf(root, [sign(a), sign(b)])).signatures).toHaveLength(2);
  });
});

describe('K2: one key under several ids counts once', () => {
  const point = listedAs(b, {
    keytype: 'ecdsa-sha2-nistp256',
    keyval: { public: Buffer.from(pointOf(b)).toString('hex') },
  });
  const schemes = [c, underScheme(c, 'rsassa-pss-sha512')] as const;
  it.each([
    ['with another member beside', [a, relabelled(a)]],
    ['as PEM and as a point', [b, point]],
    ['under two schemes', schemes],
  ] as const)('%s', async (_what, keys) => {
    const root = rootWith(keys, { threshold: 2 });
    const file = format.parseRoot(
      fileOf(
        root,
        keys.map((key) => by(root)(key)),
      ),
    );
    expect(await signedBy(file, file)).toHaveLength(1);
    await expect(
      verifyRole(file.signed.roles.root, file.signed.keys, file, nodeCrypto, 'the test'),
    ).rejects.toMatchObject({ code: 'threshold', detail: { signed: 1, threshold: 2 } });
  });

  it('and the one that signs is found behind the one that does not', async () => {
    const again = relabelled(a);
    const root = rootWith([a, again, b], { threshold: 2 });
    const sign = by(root);
    expect(await count(root, [sign(a, '00'.repeat(64)), sign(again), sign(b)])).toEqual([again.id, b.id]);
  });
});

/** The uncompressed point of a P-256 key: the last 65 bytes of its SubjectPublicKeyInfo. */
function pointOf({ json }: SimKey): Uint8Array {
  const { public: pem } = json['keyval'] as { public: string };
  return Buffer.from(pem.replace(/-----.*?-----|\s/gu, ''), 'base64').subarray(-65);
}

describe('K3: a threshold', () => {
  it.each([0, -1, 1.5, 2 ** 53, '1', null, true, undefined, [1]])('of %j is refused', (threshold) => {
    const root = rootWith([a], { threshold });
    expect(() => format.parseRoot(fileOf(root, [by(root)(a)]))).toThrow(code('malformed'));
  });

  it.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('of %s is no demand that is met', async (threshold) => {
    const root = rootWith([a]);
    const file = format.parseRoot(fileOf(root, [by(root)(a)]));
    const role: Role = { name: 'root' as RoleName, keyIds: [parseKeyId(a.id)], threshold };
    await expect(verifyRole(role, file.signed.keys, file, nodeCrypto, 'the test')).rejects.toMatchObject({
      code: 'threshold',
    });
  });

  it('with a key id listed twice is refused', () => {
    const root = rootWith([a], { keyids: [a.id, a.id] });
    expect(() => format.parseRoot(fileOf(root, [by(root)(a)]))).toThrow(code('malformed'));
  });

  it('is met by exactly that many keys, of any kinds', async () => {
    const root = rootWith([a, b, c], { threshold: 3 });
    const sign = by(root);
    for (const signers of [[a, b, c], [c, a, b], [a, b], [c]]) {
      const file = format.parseRoot(
        fileOf(
          root,
          signers.map((key) => sign(key)),
        ),
      );
      const verified = verifyRole(file.signed.roles.root, file.signed.keys, file, nodeCrypto, 'the test');
      if (signers.length === 3) await verified;
      else await expect(verified).rejects.toMatchObject({ code: 'threshold', detail: { signed: signers.length } });
    }
  });
});

describe('K4, K5: passed over, and the rest counts', () => {
  const root = rootWith([a, b], { keyids: ['00'.repeat(32), a.id, 'no key', b.id] });
  const sign = by(root);
  it.each([
    ['a signature by a key nobody lists', sign(newKey())],
    ['a signature by a key of another role', sign(c)],
    ['a signature under an id without a key', { keyid: 'no key', sig: sign(a).sig }],
    ['an empty signature', sign(a, '')],
    ['a signature that is no hexadecimal', sign(a, 'not yet')],
    ['a signature with an odd digit more', sign(a, `${sign(a).sig}0`)],
    ['a signature that turns into something else', sign(a, `${sign(a).sig}zz`)],
    ['a wrong signature', sign(a, a.sign('something else'))],
    ["another's signature", sign(a, sign(b).sig)],
  ])('%s', async (_what, odd) => {
    root.keys[c.id] = c.json;
    expect(await count(root, [odd, sign(b)])).toEqual([b.id]);
    expect(await count(root, [sign(b), odd])).toEqual([b.id]);
    expect(await count(root, [odd])).toEqual([]);
  });
});
