import { describe, expect, it } from 'vitest';
import {
  acceptRoot,
  bootstrapRoot,
  finalRoot,
  formatNamed,
  instant,
  parseGun,
  type RootTrust,
  type TrustContext,
} from '@countersign/client/tuf';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import {
  certifiedKey,
  GUN,
  newNotaryKey,
  NOW,
  rootDoc,
  signed,
  type NotaryDoc,
  type NotaryKey,
} from '../simulator/notary.js';
import { certificate, newCertificateKey, pem } from '../simulator/x509.js';

const format = formatNamed('notary-1');
const online = newNotaryKey();

function context(change: Partial<TrustContext> = {}): TrustContext {
  const now = instant(NOW);
  return { format, crypto: nodeCrypto, gun: parseGun(GUN), judgeAt: () => now, now, ...change };
}

function root(key: NotaryKey, version = 1): NotaryDoc {
  return rootDoc({ root: key, timestamp: online, snapshot: online, targets: online }, version);
}

function first(key: NotaryKey, as: 'new' | 'previous' = 'new', change: Partial<TrustContext> = {}): Promise<RootTrust> {
  return bootstrapRoot(context(change), signed(root(key), key), as);
}

const EXPIRED = { notAfter: '291231000000Z' } as const;
const authority = newCertificateKey();
const ca = certificate({ cn: 'Test CA', key: authority, isCa: true });

describe('a first root counts a key', () => {
  it.each([
    ['that is a certificate for the collection', certifiedKey()],
    ['for all below a prefix', certifiedKey({ cn: 'example.com/team/*' })],
    ['for all below a prefix in many stars', certifiedKey({ cn: 'example.com/**' })],
    ['for everything', certifiedKey({ cn: '*' })],
    ['of RSA', certifiedKey({ key: newCertificateKey('rsa') })],
    ['of P-384', certifiedKey({ key: newCertificateKey('P-384') })],
    ['that is valid from tomorrow', certifiedKey({ notBefore: '300101235959Z' })],
    ['that is valid until now', certifiedKey({ notAfter: '300101000000Z' })],
    ['issued by a CA that is listed behind it', certifiedKey({ issuer: authority, chain: [ca] })],
    ['that has no extensions', certifiedKey({ version: 1 })],
  ])('%s', async (_, key) => {
    await expect(first(key)).resolves.toBeDefined();
  });
});

describe('a first root does not count a key', () => {
  const wide = pem(certificate({ cn: GUN, key: authority }))
    .replaceAll('\n', '')
    .replace(/.{76}/gu, '$&\n');
  it.each([
    ['that is no certificate', newNotaryKey()],
    ['for another collection', certifiedKey({ cn: 'example.com/team/other' })],
    ['for a collection that ends alike', certifiedKey({ cn: 'team/app' })],
    ['for the same name in capitals', certifiedKey({ cn: GUN.toUpperCase() })],
    ['for a prefix without a star', certifiedKey({ cn: 'example.com/team/' })],
    ['for another prefix', certifiedKey({ cn: 'example.com/other/*' })],
    ['for a star in the middle', certifiedKey({ cn: 'example.com/*/app' })],
    ['without a name', certifiedKey({ cn: '' })],
    ['that has expired', certifiedKey(EXPIRED)],
    ['that is valid from the day after tomorrow', certifiedKey({ notBefore: '300102000001Z' })],
    ['that is signed over SHA-1', certifiedKey({ hash: 'sha1' })],
    ['of RSA with 1,024 bits', certifiedKey({ key: newCertificateKey('weak-rsa') })],
    ['that is a CA', certifiedKey({ isCa: true })],
    ['with a second one that is no CA', certifiedKey({ chain: [certificate({ cn: GUN, key: authority })] })],
    [
      'with a CA that has expired',
      certifiedKey({ chain: [certificate({ cn: 'CA', key: authority, isCa: true, ...EXPIRED })] }),
    ],
    [
      'with a CA that is signed over SHA-1',
      certifiedKey({ chain: [certificate({ cn: 'CA', key: authority, isCa: true, hash: 'sha1' })] }),
    ],
    ['behind its CA', certifiedKey({ key: authority, content: pem(ca, certificate({ cn: GUN, key: authority })) })],
    ['in lines of 76 digits', certifiedKey({ key: authority, content: wide })],
    [
      'with CRLF',
      certifiedKey({ key: authority, content: pem(certificate({ cn: GUN, key: authority })).replaceAll('\n', '\r\n') }),
    ],
    [
      'with a comment',
      certifiedKey({ key: authority, content: `Mine:\n${pem(certificate({ cn: GUN, key: authority }))}` }),
    ],
    [
      'without the last newline',
      certifiedKey({ key: authority, content: pem(certificate({ cn: GUN, key: authority })).trimEnd() }),
    ],
  ])('%s', async (_, key) => {
    await expect(first(key)).rejects.toMatchObject({ code: 'threshold' });
  });

  it('where the name of the collection is not known', async () => {
    const { crypto, judgeAt } = context();
    const nameless = { format, crypto, judgeAt };
    await expect(bootstrapRoot(nameless, signed(root(certifiedKey()), certifiedKey()))).rejects.toMatchObject({
      code: 'threshold',
    });
  });
});

describe('a root that was trusted before', () => {
  it.each([
    ['has expired', certifiedKey(EXPIRED)],
    ['has not begun, by this clock', certifiedKey({ notBefore: '340101000000Z' })],
    [
      'has a CA that has expired',
      certifiedKey({ chain: [certificate({ cn: 'CA', key: authority, isCa: true, ...EXPIRED })] }),
    ],
  ])('is gone on with when its certificate %s', async (_, key) => {
    await expect(first(key)).rejects.toMatchObject({ code: 'threshold' });
    await expect(first(key, 'previous')).resolves.toBeDefined();
  });

  it.each([
    ['for another collection', certifiedKey({ cn: 'example.com/other' })],
    ['signed over SHA-1', certifiedKey({ hash: 'sha1' })],
    ['of a CA', certifiedKey({ isCa: true })],
  ])('is not gone on with by a certificate %s', async (_, key) => {
    await expect(first(key, 'previous')).rejects.toMatchObject({ code: 'threshold' });
  });

  it('hands over to the next one by a certificate that has expired', async () => {
    const [old, next] = [certifiedKey(EXPIRED), certifiedKey()];
    const trust = await acceptRoot(await first(old, 'previous'), signed(root(next, 2), next, old));
    expect(finalRoot(trust).root.signed.version).toBe(2);
  });
});

describe('a new root is refused', () => {
  const [old, next] = [certifiedKey(), certifiedKey()];
  it.each([
    ['signed by the new key alone', signed(root(next, 2), next), 'threshold'],
    ['signed by the old key alone', signed(root(next, 2), old), 'threshold'],
    ['that skips a version', signed(root(next, 3), old, next), 'mix-and-match'],
    ['of the same version', signed(root(next), old, next), 'rollback'],
    ['whose own certificate has expired', signed(root(certifiedKey(EXPIRED), 2), old), 'threshold'],
  ])('%s', async (_, raw, code) => {
    await expect(acceptRoot(await first(old), raw)).rejects.toMatchObject({ code });
  });

  it('by the clock of the operation, wherever expiry is judged', async () => {
    const expired = certifiedKey(EXPIRED);
    const trust = await first(old, 'previous', { judgeAt: () => instant(0) });
    await expect(acceptRoot(trust, signed(root(expired, 2), old, expired))).rejects.toMatchObject({
      code: 'threshold',
    });
    await expect(acceptRoot(trust, signed(root(next, 2), old, next))).resolves.toBeDefined();
  });
});

it('keeps what a check against a CA needs: the certificates in DER, the own one first', () => {
  const key = certifiedKey({ issuer: authority, chain: [ca] });
  const listed = format.parseRoot(signed(root(key), key)).signed.keys.get(key.id as never);
  expect(listed?.certificates).toHaveLength(2);
  expect(Buffer.from(listed!.certificates![1]!)).toEqual(ca);
});
