import { createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { webCrypto } from '@countersign/client/browser';
import {
  formatNamed,
  hexDecode,
  parseKeyId,
  whoSigned,
  type Crypto,
  type KeyScheme,
  type PublicKey,
  type RoleName,
} from '@countersign/client/tuf';
import { nodeCrypto } from '@countersign/client/node';
import genuine from '../vectors/tuf-1/keys.json' with { type: 'json' };
import refused from '../vectors/tuf-1/keys-refused.json' with { type: 'json' };

const format = formatNamed('tuf-1');
const ID = parseKeyId('the key');
const SIGNED = '{"_type":"targets","expires":"2030-01-01T00:00:00Z","spec_version":"1.0.34","targets":{},"version":1}';
const MESSAGE = Buffer.from(SIGNED);
const SCHEMES: readonly KeyScheme[] = [
  'ed25519',
  'ecdsa-p256-sha256',
  'ecdsa-p384-sha384',
  'ecdsa-p521-sha512',
  'rsa-pss-sha256',
  'rsa-pss-sha384',
  'rsa-pss-sha512',
  'rsa-pkcs1v15-sha256',
  'rsa-pkcs1v15-sha384',
  'rsa-pkcs1v15-sha512',
];
const RUNTIMES = [
  ['node:crypto', nodeCrypto],
  ['WebCrypto', webCrypto],
] as const;

interface Vector {
  readonly key: { readonly keytype: string; readonly scheme: string; readonly keyval: { readonly public: unknown } };
  readonly sig: string;
  readonly signed?: string;
}

function keyOf({ key }: Vector): PublicKey {
  return { ...format.parseKey(Buffer.from(JSON.stringify(key)), nodeCrypto), id: ID };
}

/** Whether a file with that one signature counts as signed by that one key: parsing and counting included. */
async function counts(crypto: Crypto, vector: Vector): Promise<boolean> {
  const signatures = JSON.stringify([{ keyid: ID, sig: vector.sig }]);
  const file = format.parseTargets(Buffer.from(`{"signatures":${signatures},"signed":${vector.signed ?? SIGNED}}`));
  const role = { name: 'role' as RoleName, keyIds: [ID], threshold: 1 };
  return (await whoSigned(role, new Map([[ID, keyOf(vector)]]), file, crypto)).signedBy.length === 1;
}

/** What the key's text holds, whatever the key object calls it. */
function spkiOf(vector: Vector): Uint8Array {
  return createPublicKey(vector.key.keyval.public as string).export({ format: 'der', type: 'spki' });
}

function verify(crypto: Crypto, spki: Uint8Array, scheme: KeyScheme, value: Uint8Array): Promise<boolean> {
  return crypto.verify({ id: ID, scheme, spki, identity: 'x' }, { keyId: ID, value }, MESSAGE);
}

describe('a key object', () => {
  it.each(genuine)('can be used: $name', (vector) => {
    expect(keyOf(vector).scheme).toBeDefined();
  });

  it.each(refused)('that is at fault is kept and never used, others stay usable: $name', (vector) => {
    expect(keyOf(vector).scheme === undefined).toBe('unusable' in vector);
  });

  it('is the same key however it is written', () => {
    for (const [kind, writings] of [
      ['Ed25519', 3],
      ['P-256', 8],
      ['P-384', 4],
      ['P-521', 4],
      ['RSA', 9],
    ] as const) {
      const keys = genuine.filter(({ name }) => name.includes(kind)).map(keyOf);
      expect(keys).toHaveLength(writings);
      expect(new Set(keys.map(({ identity }) => identity)).size, kind).toBe(1);
    }
  });
});

describe.each(RUNTIMES)('with %s', (_name, crypto) => {
  it.each(genuine)('counts: $name', async (vector) => {
    expect(await counts(crypto, vector)).toBe(true);
    expect(await counts(crypto, { ...vector, signed: SIGNED.replace('2030', '2031') })).toBe(false);
  });

  it.each(refused)('does not count: $name', async (vector) => {
    expect(await counts(crypto, vector)).toBe(false);
  });

  it.each(refused.filter((vector) => 'as' in vector))(
    'does not verify, even past the parser: $name',
    async (vector) => {
      expect(await verify(crypto, spkiOf(vector), vector.as as KeyScheme, hexDecode(vector.sig)!)).toBe(false);
    },
  );

  it('a signature is good by one scheme and by no other', async () => {
    for (const vector of genuine) {
      const { spki, scheme: own } = keyOf(vector);
      const value = hexDecode(vector.sig)!;
      for (const scheme of SCHEMES) {
        expect(await verify(crypto, spki, scheme, value), `${vector.name} by ${scheme}`).toBe(scheme === own);
        const signature = { keyId: ID, value, scheme };
        expect(await crypto.verify(keyOf(vector), signature, MESSAGE)).toBe(scheme === own);
      }
    }
  });

  it('garbage for a signature or a key never verifies and never throws', async () => {
    const scheme = fc.constantFrom(...SCHEMES);
    const bytes = fc.uint8Array({ maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(scheme, fc.constantFrom(...genuine), bytes, bytes, async (claimed, vector, value, spki) => {
        expect(await verify(crypto, keyOf(vector).spki, claimed, value)).toBe(false);
        expect(await verify(crypto, spki, claimed, hexDecode(vector.sig)!)).toBe(false);
      }),
    );
  });
});

describe('where WebCrypto has no Ed25519', () => {
  afterEach(() => vi.restoreAllMocks());
  const withoutEd25519 = (): void => {
    vi.spyOn(globalThis.crypto.subtle, 'importKey').mockRejectedValue(new DOMException('none', 'NotSupportedError'));
    vi.spyOn(globalThis.crypto.subtle, 'verify').mockRejectedValue(new Error('not to be asked'));
  };
  const isEd25519 = (vector: Vector): boolean => vector.key.scheme === 'ed25519';

  it.each(genuine.filter(isEd25519))('counts: $name', async (vector) => {
    withoutEd25519();
    expect(await counts(webCrypto, vector)).toBe(true);
    expect(await counts(webCrypto, { ...vector, signed: SIGNED.replace('2030', '2031') })).toBe(false);
  });

  it.each(refused.filter(isEd25519))('does not count: $name', async (vector) => {
    withoutEd25519();
    expect(await counts(webCrypto, vector)).toBe(false);
    if ('as' in vector) expect(await verify(webCrypto, spkiOf(vector), 'ed25519', hexDecode(vector.sig)!)).toBe(false);
  });
});
