import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { instant } from '@countersign/client/tuf';
import { Unauthorized, type Access } from '../../packages/server/src/auth/authorizer.js';
import { Bundle, keyFingerprint } from '../../packages/server/src/auth/bundle.js';
import { TokenAuthorizer } from '../../packages/server/src/auth/token.js';
import { makeIssuer, mint, mintHmac, mintUnsigned, publicJwk, x5c, type Issuer, type Json } from '../support/tokens.js';

const SERVICE = 'notary-lab';
const NOW = Math.floor(Date.now() / 1_000);
const PULL: Access = { type: 'repository', name: 'pub/x', actions: ['pull'] };
const REALM = 'https://auth.example.com/token';

const GOOD: Json = {
  iss: 'lab-issuer',
  aud: SERVICE,
  sub: 'alice',
  exp: NOW + 300,
  nbf: NOW - 10,
  access: [{ type: 'repository', name: 'pub/x', actions: ['pull'] }],
};

let rsa: Issuer;
let ec: Issuer;
let authority: Issuer;
let leaf: Issuer;
let stranger: Issuer;
let expired: Issuer;
let tokens: TokenAuthorizer;

beforeAll(async () => {
  const day = 86_400_000;
  rsa = await makeIssuer({ authority: false });
  ec = await makeIssuer({ kind: 'EC', name: 'EC issuer' });
  authority = await makeIssuer({ kind: 'EC', name: 'authority' });
  leaf = await makeIssuer({ kind: 'EC', name: 'leaf', by: authority });
  stranger = await makeIssuer({ kind: 'EC' });
  expired = await makeIssuer({ kind: 'EC', from: Date.now() - 2 * day, until: Date.now() - day });
  const bundle = new Bundle([rsa, ec, authority, expired].map(({ certificate }) => certificate));
  tokens = new TokenAuthorizer({
    issuer: 'lab-issuer',
    service: SERVICE,
    realm: { url: REALM },
    bundle: () => bundle,
    clock: () => instant(NOW * 1_000),
  });
});

function ask(authorization: string | undefined, access: Access = PULL): Promise<unknown> {
  return tokens.authorize({ authorization, host: 'trust.example.com' }, access);
}

const bearer = (token: string): string => `Bearer ${token}`;

/** The `error` of the challenge a request is refused with; undefined where it has none. */
async function refused(authorization: string | undefined, access: Access = PULL): Promise<string | undefined> {
  const error: unknown = await ask(authorization, access).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Unauthorized);
  const { challenge } = error as Unauthorized;
  const scope = `${access.type}:${access.name}:${access.actions.join(',')}`;
  expect(challenge).toContain(`Bearer realm="${REALM}",service="${SERVICE}",scope="${scope}"`);
  return /,error="(\w+)"$/u.exec(challenge)?.[1];
}

describe('let in is a token', () => {
  it('that names its key by certificate, by fingerprint, and by itself', async () => {
    for (const issuer of [rsa, ec]) {
      const kid = keyFingerprint(issuer.certificate.publicKey);
      for (const header of [
        { x5c: x5c(issuer) },
        { kid },
        { jwk: publicJwk(issuer) },
        { jwk: { ...publicJwk(issuer), x5c: x5c(issuer) } },
      ])
        expect(await ask(bearer(mint(issuer, GOOD, header)))).toEqual({ subject: 'alice' });
    }
  });

  it('whose certificate an authority in the bundle vouches for, directly or through another', async () => {
    const between = await makeIssuer({ kind: 'EC', name: 'between', by: authority, authority: true });
    const below = await makeIssuer({ kind: 'EC', name: 'below', by: between });
    for (const chain of [[leaf], [leaf, authority], [below, between], [below, between, authority]])
      expect(await ask(bearer(mint(chain[0]!, GOOD, { x5c: x5c(...chain) })))).toEqual({ subject: 'alice' });
  });

  it('with * where anything is needed, and with accesses spread over entries', async () => {
    const access = (...actions: string[]): Json => ({ type: 'repository', name: 'pub/x', actions });
    for (const granted of [[access('*')], [access('push'), access('pull')], [access('other'), access('pull', 'push')]])
      await ask(bearer(mint(rsa, { ...GOOD, access: granted })), { ...PULL, actions: ['push', 'pull'] });
  });

  it('that says its times within a minute, as clocks differ', async () => {
    await ask(bearer(mint(rsa, { ...GOOD, exp: NOW - 30 })));
    await ask(bearer(mint(rsa, { ...GOOD, nbf: NOW + 30 })));
    await ask(bearer(mint(rsa, { ...GOOD, nbf: undefined })));
  });

  it('under "bearer" in small letters', async () => {
    await ask(`bearer ${mint(rsa, GOOD)}`);
  });
});

describe('without a token', () => {
  it.each([undefined, '', 'Bearer', 'Bearer ', 'Basic YTpi', 'Bearer a b'])(
    '%j is only told where to get one',
    async (header) => {
      expect(await refused(header)).toBeUndefined();
    },
  );
});

const day = 86_400;
const BAD_CLAIMS: readonly [string, Json][] = [
  ['an expired token', { exp: NOW - 90 }],
  ['a token that expired long ago', { exp: 0 }],
  ['a token that never expires', { exp: undefined }],
  ['a token whose expiry is no number', { exp: '2099-01-01' }],
  ['a token that is not valid yet', { nbf: NOW + 90 }],
  ['a token for tomorrow', { nbf: NOW + day, exp: NOW + 2 * day }],
  ['a token of another issuer', { iss: 'other-issuer' }],
  ['a token of no issuer', { iss: undefined }],
  ['a token for another service', { aud: 'other-service' }],
  ['a token for no service', { aud: undefined }],
  ['a token for a list of services', { aud: [SERVICE] }],
  ['a token for this service and another', { aud: [SERVICE, 'other-service'] }],
  ['a token whose access is no list', { access: { type: 'repository', name: 'pub/x', actions: ['pull'] } }],
  ['a token whose access is unreadable', { access: ['repository:pub/x:pull'] }],
  ['a token whose actions are no list', { access: [{ type: 'repository', name: 'pub/x', actions: 'pull' }] }],
  [
    'a token with endless accesses',
    { access: Array.from({ length: 101 }, () => ({ type: 'a', name: 'b', actions: [] })) },
  ],
];

describe('refused as invalid is', () => {
  it.each(BAD_CLAIMS)('%s', async (_attack, claims) => {
    expect(await refused(bearer(mint(rsa, { ...GOOD, ...claims })))).toBe('invalid_token');
  });

  it.each<[string, () => string | Promise<string>]>([
    ['garbage', () => 'abc'],
    ['dots', () => '..'],
    ['a token without a key hint', () => mint(rsa, GOOD, {})],
    ['an unsigned token', () => mintUnsigned(GOOD, { x5c: x5c(rsa) })],
    [
      'an unsigned token that names a trusted key',
      () => mintUnsigned(GOOD, { kid: keyFingerprint(rsa.certificate.publicKey) }),
    ],
    [
      'a token signed with the public key as an HMAC secret',
      () => mintHmac(rsa.certificate.publicKey.export({ type: 'spki', format: 'pem' }), GOOD, { x5c: x5c(rsa) }),
    ],
    [
      'a token signed with the certificate as an HMAC secret',
      () => mintHmac(rsa.certificate.toString(), GOOD, { x5c: x5c(rsa) }),
    ],
    ['a token whose algorithm is not its key’s', () => mint(ec, GOOD, { x5c: x5c(ec), alg: 'RS256' })],
    ['a token by RSA-PSS', () => mint(rsa, GOOD, { x5c: x5c(rsa), alg: 'PS256' })],
    [
      'a token by a key nobody knows',
      () => mint(stranger, GOOD, { kid: keyFingerprint(stranger.certificate.publicKey) }),
    ],
    [
      'a token that names a trusted key it is not signed with',
      () => mint(stranger, GOOD, { kid: keyFingerprint(ec.certificate.publicKey) }),
    ],
    ['a token that brings its own key', () => mint(stranger, GOOD, { jwk: publicJwk(stranger) })],
    [
      'a token that brings its own key beside a trusted name',
      () => mint(stranger, GOOD, { jwk: publicJwk(stranger), kid: keyFingerprint(ec.certificate.publicKey) }),
    ],
    [
      'a token that brings its own key with a trusted certificate',
      () => mint(stranger, GOOD, { jwk: { ...publicJwk(stranger), x5c: x5c(ec) } }),
    ],
    [
      'a token that brings another key than its certificate’s',
      () => mint(ec, GOOD, { jwk: { ...publicJwk(stranger), x5c: x5c(ec) } }),
    ],
    ['a self-made certificate', () => mint(stranger, GOOD)],
    [
      'a self-made certificate of the issuer’s name',
      async () => {
        const fake = await makeIssuer({ kind: 'EC', name: 'EC issuer' });
        return mint(fake, GOOD);
      },
    ],
    [
      'a self-made certificate with a trusted one behind it',
      () => mint(stranger, GOOD, { x5c: x5c(stranger, authority) }),
    ],
    ['a self-made certificate with a trusted one before it', () => mint(stranger, GOOD, { x5c: x5c(ec, stranger) })],
    [
      'a chain that does not lead to the bundle',
      async () => {
        const other = await makeIssuer({ kind: 'EC', name: 'other authority' });
        const below = await makeIssuer({ kind: 'EC', name: 'below', by: other });
        return mint(below, GOOD, { x5c: x5c(below, other) });
      },
    ],
    [
      'a chain under an authority of a trusted name',
      async () => {
        const other = await makeIssuer({ kind: 'EC', name: 'authority' });
        const below = await makeIssuer({ kind: 'EC', name: 'below', by: other });
        return mint(below, GOOD, { x5c: x5c(below, other) });
      },
    ],
    [
      'a certificate signed by one that is no authority',
      async () => {
        const below = await makeIssuer({ kind: 'EC', name: 'below', by: leaf });
        return mint(below, GOOD, { x5c: x5c(below, leaf, authority) });
      },
    ],
    [
      'a certificate signed by one in the bundle that is no authority',
      async () => {
        const below = await makeIssuer({ kind: 'EC', name: 'below', by: rsa });
        return mint(below, GOOD, { x5c: x5c(below, rsa) });
      },
    ],
    ['a chain in the wrong order', () => mint(leaf, GOOD, { x5c: x5c(authority, leaf) })],
    ['a certificate that has expired', () => mint(expired, GOOD)],
    [
      'a key whose certificate has expired',
      () => mint(expired, GOOD, { kid: keyFingerprint(expired.certificate.publicKey) }),
    ],
    [
      'an expired certificate under a good authority',
      async () => {
        const late = await makeIssuer({ kind: 'EC', name: 'late', by: authority, until: Date.now() - 60_000 });
        return mint(late, GOOD, { x5c: x5c(late) });
      },
    ],
    [
      'a certificate of tomorrow',
      async () => {
        const early = await makeIssuer({ kind: 'EC', name: 'early', by: authority, from: Date.now() + 86_400_000 });
        return mint(early, GOOD, { x5c: x5c(early) });
      },
    ],
    ['an empty chain', () => mint(ec, GOOD, { x5c: [], kid: keyFingerprint(ec.certificate.publicKey) })],
    ['a chain that is no list', () => mint(ec, GOOD, { x5c: x5c(ec)[0] })],
    ['a chain of no certificates', () => mint(ec, GOOD, { x5c: ['AAAA', 7, null] })],
    [
      'a chain of more certificates than anybody needs',
      () => mint(ec, GOOD, { x5c: x5c(...Array.from({ length: 9 }, () => ec)) }),
    ],
    ['a key that is no key', () => mint(ec, GOOD, { jwk: { kty: 'oct', k: 'AAAA' } })],
    [
      'a token that says where to fetch its key',
      () => mint(ec, GOOD, { jku: 'https://evil.example/keys', x5u: 'https://evil.example/cert' }),
    ],
    ['a token with a rule nobody understands', () => mint(ec, GOOD, { x5c: x5c(ec), crit: ['evil'], evil: 1 })],
    ['a token of another type', () => mint(ec, GOOD, { x5c: x5c(ec), typ: 'logout+jwt' })],
    [
      'a token with another payload',
      () =>
        mint(ec, GOOD).replace(
          /\.[^.]+\./u,
          `.${Buffer.from(JSON.stringify({ ...GOOD, sub: 'mallory' })).toString('base64url')}.`,
        ),
    ],
    ['a token longer than any', () => mint(ec, { ...GOOD, padding: 'x'.repeat(12 * 1024) })],
  ])('%s', async (_attack, make) => {
    expect(await refused(bearer(await make()))).toBe('invalid_token');
  });

  it('a token by a weak RSA key', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const issuer = { ...rsa, key: weak.privateKey };
    expect(await refused(bearer(mint(issuer, GOOD, { jwk: weak.publicKey.export({ format: 'jwk' }) })))).toBe(
      'invalid_token',
    );
  });
});

describe('refused as insufficient is', () => {
  it.each<[string, Access]>([
    ['to delete with a token that may pull', { ...PULL, actions: ['*'] }],
    ['to publish with a token that may pull', { ...PULL, actions: ['push', 'pull'] }],
    ['another repository', { ...PULL, name: 'pub/xy' }],
    ['a repository above', { ...PULL, name: 'pub' }],
    ['a repository below', { ...PULL, name: 'pub/x/y' }],
    ['a repository in other letters', { ...PULL, name: 'PUB/x' }],
    ['the catalogue', { type: 'registry', name: 'catalog', actions: ['*'] }],
    ['something else of the same name', { ...PULL, type: 'registry' }],
  ])('%s', async (_attack, access) => {
    expect(await refused(bearer(mint(rsa, GOOD)), access)).toBe('insufficient_scope');
  });

  it.each([[undefined], [null], [[]]])('anything with a token whose access is %j', async (access) => {
    expect(await refused(bearer(mint(rsa, { ...GOOD, access })))).toBe('insufficient_scope');
  });
});

describe('a refusal', () => {
  it('never holds the token', async () => {
    const whole = [
      mint(stranger, GOOD),
      mint(rsa, { ...GOOD, exp: 1 }),
      mint(rsa, { ...GOOD, access: [] }),
      'sekret.tokken.heere',
    ];
    for (const token of whole) {
      const error = (await ask(bearer(token)).catch((reason: unknown) => reason)) as Unauthorized;
      const shown = [
        error.message,
        error.stack,
        error.next,
        error.challenge,
        JSON.stringify(error),
        String(error.cause),
      ];
      for (const part of token.split('.').filter((piece) => piece.length > 4))
        expect(shown.join('\n').includes(part)).toBe(false);
    }
  });
});

/** The certificate of a token the reference server was asked with, and the `kid` it took for its key. */
const MEASURED = {
  kid: 'B2IT:MTYP:NMVK:HDVH:RBYS:ERGR:2UCQ:CH7A:7I7P:QPYU:6PZX:FZV7',
  certificate: [
    'MIIDDzCCAfegAwIBAgIUctHbA3E/kLLIaY7TYlh1jpnWwOowDQYJKoZIhvcNAQELBQAwFzEVMBMGA1UEAwwMdG9rZW4gaXNzdWVy',
    'MB4XDTI2MTEyMzE3MTgyNloXDTM2MTEyMDE3MTgyNlowFzEVMBMGA1UEAwwMdG9rZW4gaXNzdWVyMIIBIjANBgkqhkiG9w0BAQEF',
    'AAOCAQ8AMIIBCgKCAQEAqX8nBZCYi4Oznu4wD0HlRLYjy8NqeEIys3XNWG3OOVuxMmAeufWomwD39nKPAqcom2UW1jM/tzy1XMjI',
    '6QnbrSvvxx2Gv9cRm0HxgqsBlbwyBv9dMncw/tz1pR5rAfBQ5ivmDa4fK3lX6gELZf99bZItpl+B8veo5hd2lxyhLN0iAYq7z3qo',
    'dTjMG24fgWHAcAsoUUbDXAw7xgdLg3kcu/PVbBfGzrKazLHuXSO8Rr4QZJ19n9yD78gz24/EmSHwAwgQGHLztzvUlm0uH7zyQh+b',
    'vLNweAuAgyXfjBCCJtUSAZVXgqjSTTE3upFOtSe1F9P+fafdlUkhkP5Sc/P81wIDAQABo1MwUTAdBgNVHQ4EFgQUG2OERc7+Zdgm',
    'Se+NEWhuZykjNoowHwYDVR0jBBgwFoAUG2OERc7+ZdgmSe+NEWhuZykjNoowDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsF',
    'AAOCAQEAOlwNzCpHskAyO5K/ALWc07V3GWmwKNzo1Jpxn/XWFGosoL4wZwccHQyIrhRuDoIQj97mLpijUiQqi0/wULt2ldk5heJk',
    'mZAiVxXhS4mEGtku2ocIqUQuB5V6e0wmrvjE5Yyh1+rbO7adu7SJ3T68FJJiDZWm93n1P2Tfxo//j+/Mpvqkkk9kmmzHPg6FgOwn',
    'is19B+D9xlH+s2IPG1h6AYRHIiHpS8UCjM9uP5Y8gLeY1S4OMNKRflsYyNgh8w8BSA0+a1IoSeJNbTkvdVdzzQcKakjWrQB1yfis',
    '/X9AJ+fpSHpp6Vej2aGWRujPOGG4+L6T4pXG9IPVeKBzWNl8qQ==',
  ],
};

it('a key’s fingerprint is that of libtrust, as measured', () => {
  const certificate = new X509Certificate(Buffer.from(MEASURED.certificate.join(''), 'base64'));
  expect(keyFingerprint(certificate.publicKey)).toBe(MEASURED.kid);
});
