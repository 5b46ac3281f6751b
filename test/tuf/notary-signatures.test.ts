import { generateKeyPairSync, sign, constants } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatNamed, whoSigned, verifyRole, type PublicKey, type Role } from '@countersign/client/tuf';
import { scan } from '../../packages/client/src/tuf/json.js';
import { base64Decode } from '../../packages/client/src/tuf/encoding.js';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import { webCrypto } from '../../packages/client/src/webcrypto.js';
import { canonical } from '../simulator/documents.js';
import {
  file,
  newNotaryKey,
  notaryKey,
  signBy,
  signed,
  targetsDoc,
  type NotaryKey,
  type NotarySignature,
} from '../simulator/notary.js';
import { certificate, newCertificateKey, pem } from '../simulator/x509.js';

const format = formatNamed('notary-1');
const document = targetsDoc();
const text = canonical(document);

function listed(key: NotaryKey, id = key.id): PublicKey {
  const raw = signed({ ...document, delegations: { keys: { [id]: key.json }, roles: null } }, key);
  return format.parseTargets(raw).signed.delegations!.keys.get(id as never)!;
}

const roleOf = (keys: readonly NotaryKey[], threshold = 1): Role => ({
  name: 'targets' as never,
  keyIds: keys.map(({ id }) => id as never),
  threshold,
});

/** How many of `keys` count by the signatures given; the same in every implementation of the cryptography. */
async function counted(keys: readonly NotaryKey[], ...signatures: readonly NotarySignature[]): Promise<number> {
  const envelope = format.parseTargets(file(text, ...signatures));
  const table = new Map(keys.map((key) => [key.id as never, listed(key)]));
  const [inNode, onTheWeb] = await Promise.all(
    [nodeCrypto, webCrypto].map(
      async (crypto) => (await whoSigned(roleOf(keys), table, envelope, crypto)).signedBy.length,
    ),
  );
  expect(onTheWeb).toBe(inNode);
  return inNode!;
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const key = notaryKey(p256);

describe('a signature', () => {
  it.each(['P-256', 'P-384', 'P-521', 'rsa', 'ed25519'] as const)('of %s counts', async (type) => {
    const one = newNotaryKey(type);
    expect(await counted([one], one.sign(text))).toBe(1);
    expect(await counted([one], one.sign(`${text} `))).toBe(0);
  });

  it('by RSA counts in both paddings, whichever it names', async () => {
    for (const method of ['rsapss', 'rsapkcs1v15']) {
      const one = notaryKey(rsa, { method });
      expect(await counted([one], one.sign(text))).toBe(1);
    }
    const one = notaryKey(rsa);
    expect(await counted([one], { ...one.sign(text), method: 'rsapkcs1v15' })).toBe(0);
  });

  it('with a salt of another length does not count: Go does not take it', async () => {
    const one = notaryKey(rsa);
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    for (const saltLength of [0, 20, constants.RSA_PSS_SALTLEN_MAX_SIGN]) {
      const sig = sign('sha256', Buffer.from(text), { key: rsa, padding, saltLength }).toString('base64');
      expect(await counted([one], { keyid: one.id, method: 'rsapss', sig })).toBe(0);
    }
  });

  it('may spell its method in capitals', async () => {
    expect(await counted([key], { ...key.sign(text), method: 'ECDSA' })).toBe(1);
  });

  it.each(['missing', null, '', 'eddsa', 'rsapss', 'es256', 'pycrypto-pkcs#1 pss'])(
    'of method %j does not count',
    async (method) => {
      const { keyid, sig } = key.sign(text);
      expect(await counted([key], { keyid: keyid!, sig: sig!, ...(method === 'missing' ? {} : { method }) })).toBe(0);
    },
  );

  it('in ASN.1 DER does not count', async () => {
    const sig = sign('sha256', Buffer.from(text), p256).toString('base64');
    expect(await counted([key], { keyid: key.id, method: 'ecdsa', sig })).toBe(0);
  });

  it('of another width than its curve has does not count', async () => {
    const sig = signBy(p256, 'ecdsa', text);
    const wide = Buffer.concat([Buffer.alloc(16), sig.subarray(0, 32), Buffer.alloc(16), sig.subarray(32)]);
    for (const other of [wide, sig.subarray(1), Buffer.concat([sig, Buffer.of(0)]), Buffer.alloc(64), Buffer.alloc(0)])
      expect(await counted([key], { keyid: key.id, method: 'ecdsa', sig: other.toString('base64') })).toBe(0);
  });

  it('whose hash goes with the curve, as TUF 1.0 has it, does not count', async () => {
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    const one = notaryKey(p384);
    const sig = sign('sha384', Buffer.from(text), { key: p384, dsaEncoding: 'ieee-p1363' }).toString('base64');
    expect(await counted([one], { keyid: one.id, method: 'ecdsa', sig })).toBe(0);
  });

  it('that is not base64 refuses the file', () => {
    expect(() => format.parseTargets(file(text, { ...key.sign(text), sig: 'ab!=' }))).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
  });

  it('of an unknown key, or a broken one beside a good one, does no harm', async () => {
    const stranger = newNotaryKey();
    const broken = { ...key.sign(text), method: 'none' };
    expect(await counted([key], stranger.sign(text), broken, key.sign(text))).toBe(1);
  });
});

describe('a threshold of two', () => {
  const cert = (): NotaryKey =>
    notaryKey(p256, { keytype: 'ecdsa-x509', content: pem(certificate({ cn: 'x', key: p256 })) });

  it('is not met by one key signing twice', async () => {
    expect(await counted([key], key.sign(text), key.sign(text))).toBe(1);
  });

  it('is not met by one key as itself and as its certificate', async () => {
    const other = cert();
    expect(other.id).not.toBe(key.id);
    expect(listed(other).identity).toBe(listed(key).identity);
    expect(await counted([key, other], key.sign(text), other.sign(text))).toBe(1);
  });

  it('is met by two keys', async () => {
    const other = newNotaryKey('ed25519');
    expect(await counted([key, other], other.sign(text), key.sign(text))).toBe(2);
  });
});

describe('a key', () => {
  it('under an id that is not its own never verifies', async () => {
    const label = 'a'.repeat(64);
    const table = new Map([[label as never, listed(key, label)]]);
    const envelope = format.parseTargets(file(text, { ...key.sign(text), keyid: label }));
    const role = { ...roleOf([key]), keyIds: [label as never] };
    await expect(verifyRole(role, table, envelope, nodeCrypto, 'the test')).rejects.toMatchObject({
      code: 'threshold',
    });
  });

  const weak = newCertificateKey('weak-rsa');
  const strong = certificate({ cn: 'x', key: p256 });
  it.each([
    ['of an unknown type', notaryKey(p256, { keytype: 'sr25519' })],
    ['said to be of another kind than it is', notaryKey(p256, { keytype: 'rsa', method: 'ecdsa' })],
    [
      'whose certificate is of another kind than it is said to be',
      notaryKey(p256, { keytype: 'rsa-x509', content: pem(strong) }),
    ],
    ['said to be a certificate that is none', notaryKey(p256, { keytype: 'ecdsa-x509' })],
    ['in PEM where DER belongs', notaryKey(p256, { content: pem(strong) })],
    ['of RSA with 1,024 bits', notaryKey(weak)],
    [
      'of RSA with 1,024 bits in a certificate',
      notaryKey(weak, { keytype: 'rsa-x509', content: pem(certificate({ cn: 'x', key: weak })) }),
    ],
    [
      'whose certificate is signed over SHA-1',
      notaryKey(p256, { keytype: 'ecdsa-x509', content: pem(certificate({ cn: 'x', key: p256, hash: 'sha1' })) }),
    ],
    [
      'whose certificate ends before it begins',
      notaryKey(p256, {
        keytype: 'ecdsa-x509',
        content: pem(certificate({ cn: 'x', key: p256, notAfter: '250101000000Z' })),
      }),
    ],
    ['with CRLF in its PEM', notaryKey(p256, { keytype: 'ecdsa-x509', content: pem(strong).replaceAll('\n', '\r\n') })],
  ])('%s never verifies, and is kept', async (_, other) => {
    expect(listed(other)).toMatchObject({ scheme: undefined, spki: new Uint8Array(0) });
    expect(await counted([other], other.sign(text))).toBe(0);
  });

  it('is equal to another exactly when its content is', () => {
    const unknown = (content: string): PublicKey => listed(notaryKey(p256, { keytype: 'sr25519', content }));
    expect(unknown('a').identity).toBe(unknown('a').identity);
    expect(unknown('a').identity).not.toBe(unknown('b').identity);
    expect(listed(key).identity).not.toBe(listed(newNotaryKey()).identity);
  });

  it('is written only as what it is', () => {
    const spki = listed(key).spki;
    for (const scheme of ['ecdsa-p384-sha384', 'ed25519'] as const)
      expect(() => format.renderKey({ scheme, spki })).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('of P-384 is the same over whichever hash its owner signs; a signature is not', () => {
    const { spki, id } = listed(newNotaryKey('P-384'));
    for (const scheme of ['ecdsa-p384-sha256', 'ecdsa-p384-sha384'] as const)
      expect(format.keyId({ scheme, spki }, nodeCrypto)).toBe(id);
    for (const scheme of ['ecdsa-p384-sha384', undefined] as const) {
      const signature = { keyId: id, value: Buffer.alloc(96), ...(scheme === undefined ? {} : { scheme }) };
      expect(() => format.assemble(Buffer.from('{}'), [signature])).toThrow(
        expect.objectContaining({ code: 'unsupported' }),
      );
    }
  });

  it('of RSA is the same by whichever padding its owner signs', () => {
    const { spki, id } = listed(notaryKey(rsa));
    for (const scheme of ['rsa-pss-sha256', 'rsa-pss-sha256-salt32', 'rsa-pkcs1v15-sha256'] as const)
      expect(format.keyId({ scheme, spki }, nodeCrypto)).toBe(id);
  });
});

it('tells base64 without decoding it exactly where it can be decoded', () => {
  const letters = fc.constantFrom(...Array.from('AQgw/+9z=-_ \n"\u00e9'));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.base64String(),
        fc.array(letters).map((each) => each.join('')),
      ),
      fc.boolean(),
      (value, escaped) => {
        const json = JSON.stringify(value);
        const view = scan(Buffer.from(escaped ? json.replaceAll('/', '\\/') : json));
        expect(view.kind === 'string' && view.base64Size()).toBe(base64Decode(value)?.length);
      },
    ),
    { numRuns: 2000 },
  );
});
