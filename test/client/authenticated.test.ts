import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  authenticated,
  collectionUrls,
  type AuthenticationOptions,
  type Fetch,
  type FetchInit,
} from '@countersign/client';
import { parseGun } from '@countersign/client/tuf';
import { bearerChallenge } from '../../packages/client/src/http/bearer-challenge.js';
import { registryOf } from '../../packages/client/src/http/registry.js';
import { Http } from '../../packages/client/src/http/http.js';
import { containing } from '../simulator/matchers.js';

const SERVER = 'https://trust.example/';
const REALM = 'https://auth.example/token';
const LOGIN = { username: 'alice', password: 'secret' };
const FILE = `${SERVER}v2/app/_trust/tuf/1.root.json`;

interface Sent {
  readonly url: string;
  readonly init: FetchInit;
}

interface Script {
  readonly fetch: Fetch;
  readonly sent: Sent[];
}

/** A platform whose trust server challenges whoever brings no `Bearer good`, and whose token server answers as told. */
function script(options: { realm?: string; token?: () => Response; always?: string } = {}): Script {
  const sent: Sent[] = [];
  const challenge = `Bearer realm="${options.realm ?? REALM}",service="s",scope="repository:other:*"${options.always ?? ''}`;
  const fetch: Fetch = async (url, init = {}) => {
    sent.push({ url, init });
    if (!url.startsWith(SERVER)) return options.token?.() ?? Response.json({ token: 'good', expires_in: 60 });
    if (init.headers?.['authorization'] === 'Bearer good' && options.always === undefined) return new Response('file');
    return new Response('{}', { status: 401, headers: { 'www-authenticate': challenge } });
  };
  return { fetch, sent };
}

function logged(fetch: Fetch, more: Partial<AuthenticationOptions> = {}): Fetch {
  return authenticated(fetch, {
    server: SERVER,
    gun: parseGun('app'),
    now: Date.now,
    credentials: () => Promise.resolve(LOGIN),
    login: 'Log in.',
    ...more,
  });
}

const authorization = ({ init }: Sent): string | undefined => init.headers?.['authorization'];
const toRealm = ({ sent }: Script): Sent[] => sent.filter(({ url }) => !url.startsWith(SERVER));

describe('a login', () => {
  it('is sent to the token server alone, and never along a redirect', async () => {
    const world = script();
    expect((await logged(world.fetch)(FILE)).status).toBe(200);
    const [asked] = toRealm(world);
    expect(asked?.url).toBe(`${REALM}?account=alice&service=s&scope=repository%3Aapp%3Apull`);
    expect(asked?.init.redirect).toBe('error');
    expect(world.sent.map(authorization)).toEqual([undefined, 'Basic YWxpY2U6c2VjcmV0', 'Bearer good']);
  });

  it.each([
    ['an address in the clear', 'http://auth.example/token'],
    ['an address that only begins like loopback', 'http://127.0.0.1.evil.example/token'],
    ['a host whose user name is loopback', 'http://127.0.0.1@evil.example/token'],
    ['this machine, at the word of another', 'http://localhost:8080/token'],
    ['an address with a user name in it', 'https://a:b@auth.example/token'],
    ['a file', 'file:///etc/passwd'],
    ['what is no address', '/token'],
  ])('is not sent to %s', async (_what, realm) => {
    const world = script({ realm });
    await expect(logged(world.fetch)(FILE)).rejects.toMatchObject({ code: 'unauthorized' });
    expect(toRealm(world)).toEqual([]);
  });

  it.each(['http://auth.example/token', 'http://127.0.0.1.evil.example/token'])(
    'is not sent in the clear to %s at the word of a server on this machine',
    async (realm) => {
      const server = 'http://127.0.0.1:4480/';
      const sent: string[] = [];
      const challenging: Fetch = async (url) => {
        sent.push(url);
        return new Response('', { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}"` } });
      };
      await expect(logged(challenging, { server })(`${server}x`)).rejects.toMatchObject({ code: 'unauthorized' });
      expect(sent).toEqual([`${server}x`]);
    },
  );

  it.each<[string, (url: string, init: FetchInit) => boolean]>([
    ['at once', () => true],
    ['once a token of the server has been brought', (_url, { headers }) => headers?.['authorization'] !== undefined],
  ])('attack: does not go where a host says that the server redirects to, %s', async (_when, redirected) => {
    const world = script();
    const fetch = logged(async (url, init = {}) => {
      if (!url.startsWith(SERVER) || !redirected(url, init)) return world.fetch(url, init);
      const headers = { 'www-authenticate': 'Bearer realm="https://evil.example/token"' };
      const answer = new Response('{}', { status: 401, headers });
      return Object.defineProperty(answer, 'url', { value: 'https://bucket.example/1.root.json' });
    });
    const http = new Http(fetch);
    for (let time = 1; time <= 2; time += 1)
      await expect(http.fetchBytes(FILE, 100)).rejects.toMatchObject({ code: 'unauthorized' });
    expect(world.sent.filter(({ url }) => url.startsWith('https://evil.example'))).toEqual([]);
  });

  it('is asked for the scope of the request, whatever the challenge says', async () => {
    const world = script();
    const fetch = logged(world.fetch);
    for (const [url, method] of [
      [FILE, 'GET'],
      [FILE, 'HEAD'],
      [`${SERVER}v2/app/_trust/tuf/timestamp.key?format=tuf-1`, 'GET'],
      [`${SERVER}v2/app/_trust/tuf/`, 'POST'],
      [`${SERVER}v2/app/_trust/tuf/timestamp.key`, 'POST'],
      [`${SERVER}v2/app/_trust/tuf/`, 'DELETE'],
    ] as const)
      await fetch(url, { method });
    expect(toRealm(world).map(({ url }) => new URL(url).searchParams.get('scope'))).toEqual(
      ['pull', 'push,pull', '*'].map((actions) => `repository:app:${actions}`),
    );
  });

  it('by identity token is posted to the token server, as OAuth2 has it', async () => {
    const world = script({ token: () => Response.json({ access_token: 'good', refresh_token: 'another' }) });
    const credentials = (): Promise<{ identityToken: string }> => Promise.resolve({ identityToken: 'se&cret' });
    expect((await logged(world.fetch, { credentials })(FILE)).status).toBe(200);
    const [asked] = toRealm(world);
    expect(asked).toMatchObject({
      url: REALM,
      init: { method: 'POST', redirect: 'error', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    });
    expect(Object.fromEntries(new URLSearchParams(Buffer.from(asked!.init.body as Uint8Array).toString()))).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'se&cret',
      service: 's',
      scope: 'repository:app:pull',
      client_id: 'countersign',
    });
    expect(world.sent.map(authorization)).toEqual([undefined, undefined, 'Bearer good']);
  });

  it.each([
    [400, 'auth.example refuses the login of the identity token'],
    [401, 'auth.example refuses the login of the identity token'],
    [404, 'auth.example takes no identity tokens'],
    [405, 'auth.example takes no identity tokens'],
  ])('by identity token that is answered %d is told so, and not shown', async (status, message) => {
    const world = script({ token: () => new Response('se&cret', { status }) });
    const credentials = (): Promise<{ identityToken: string }> => Promise.resolve({ identityToken: 'se&cret' });
    const error: unknown = await logged(world.fetch, { credentials })(FILE).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'unauthorized', message });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('se&cret');
  });

  it.each(['http://auth.example/token', 'https://a:b@auth.example/token'])(
    'by identity token is not sent to %s',
    async (realm) => {
      const world = script({ realm });
      const credentials = (): Promise<{ identityToken: string }> => Promise.resolve({ identityToken: 'secret' });
      await expect(logged(world.fetch, { credentials })(FILE)).rejects.toMatchObject({ code: 'unauthorized' });
      expect(toRealm(world)).toEqual([]);
    },
  );

  it('that cannot be looked up is told, and is no fault of the server', async () => {
    const world = script();
    const credentials = (): Promise<never> => Promise.reject(new Error('broken for the test'));
    await expect(logged(world.fetch, { credentials })(FILE)).rejects.toThrow('broken for the test');
  });

  it('that could not be looked up is looked up again by the next request', async () => {
    const world = script();
    let asked = 0;
    const fetch = logged(world.fetch, {
      credentials: () => (++asked === 1 ? Promise.reject(new Error('locked')) : Promise.resolve(LOGIN)),
    });
    await expect(fetch(FILE)).rejects.toThrow('locked');
    expect((await fetch(FILE)).status).toBe(200);
    expect(asked).toBe(2);
  });
});

describe('a token', () => {
  it('goes to its server and nowhere else', async () => {
    const world = script();
    const fetch = logged(world.fetch, { token: 'good' });
    await fetch(FILE);
    await fetch('https://trust.example.evil/x');
    await fetch('https://other.example/x');
    expect(world.sent.map(authorization)).toEqual(['Bearer good', undefined, undefined]);
  });

  it.each([
    'https://trust.example.evil.net/x',
    'https://trust.example@evil.net/x',
    'https://trust.example:444/x',
    'https://trust.examples/x',
  ])('attack: %s, which only begins like its server, does not get it', async (url) => {
    const world = script();
    await logged(world.fetch, { token: 'good', server: 'https://trust.example' })(url);
    expect(world.sent.map(authorization)).toEqual([undefined]);
  });

  it.each(['https://Trust.Example', 'https://trust.example:443/', 'HTTPS://trust.example'])(
    'goes to its server as %s too',
    async (server) => {
      const world = script();
      await logged(world.fetch, { token: 'good', server })(collectionUrls(server, parseGun('app')).metadata);
      expect(world.sent.map(authorization)).toEqual(['Bearer good']);
    },
  );

  it('needs a server that is an address', () => {
    expect(() => logged(script().fetch, { server: 'trust.example' })).toThrow(
      expect.objectContaining({ code: 'usage' }),
    );
  });

  it('never goes in the clear', async () => {
    const world = script();
    const server = 'http://trust.example/';
    await expect(logged(world.fetch, { token: 'good', server })(`${server}x`)).rejects.toMatchObject({
      code: 'unauthorized',
      message: containing('in the clear'),
    });
    expect(world.sent).toEqual([]);
    const challenged: Fetch = async () =>
      new Response('', { status: 401, headers: { 'www-authenticate': `Bearer realm="${REALM}"` } });
    await expect(logged(challenged, { server })(`${server}x`)).rejects.toMatchObject({
      message: containing('in the clear'),
    });
  });

  it('is used again until it expires, and asked for anew then', async () => {
    let now = 0;
    const world = script();
    const fetch = logged(world.fetch, { now: () => now });
    await fetch(FILE);
    now = 54_000;
    await fetch(FILE);
    expect(toRealm(world)).toHaveLength(1);
    now = 56_000;
    await fetch(FILE);
    expect(toRealm(world)).toHaveLength(2);
    expect(world.sent.filter(({ url }) => url === FILE)).toHaveLength(4);
  });

  it('is asked for once by requests of the same moment', async () => {
    const world = script();
    const fetch = logged(world.fetch);
    await Promise.all(Array.from({ length: 6 }, () => fetch(FILE)));
    expect(toRealm(world)).toHaveLength(1);
  });

  it('that the server never accepts is asked for once, not for ever', async () => {
    const world = script({ always: ',error="insufficient_scope"' });
    await expect(logged(world.fetch)(FILE)).rejects.toMatchObject({
      code: 'unauthorized',
      next: containing('Log in.'),
    });
    expect(world.sent).toHaveLength(3);
  });

  it.each<[string, () => Response]>([
    ['a web page', () => new Response('<html>')],
    ['nothing', () => Response.json(null)],
    ['a header of its own', () => Response.json({ token: 'good\r\nX: y' })],
    ['endless letters', () => Response.json({ token: 'a'.repeat(12 * 1024 + 1) })],
    ['endless bytes', () => new Response(new Uint8Array(64 * 1024 + 1))],
    ['a number', () => Response.json({ token: 7 })],
  ])('that is %s is none', async (_what, token) => {
    const world = script({ token });
    await expect(logged(world.fetch)(FILE)).rejects.toMatchObject({
      code: expect.stringMatching(/network|endless-data/u) as string,
    });
    expect(world.sent).toHaveLength(2);
  });

  it.each([
    [401, 'unauthorized'],
    [403, 'unauthorized'],
    [500, 'unavailable'],
    [429, 'unavailable'],
    [404, 'network'],
  ] as const)('refused with %d is %s', async (status, code) => {
    const world = script({ token: () => new Response('secret', { status }) });
    const error: unknown = await logged(world.fetch)(FILE).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain('secret');
  });

  it('under its other name is one too', async () => {
    const world = script({ token: () => Response.json({ access_token: 'good' }) });
    expect((await logged(world.fetch)(FILE)).status).toBe(200);
  });

  it('for a body that can be sent once is had before', async () => {
    const world = script();
    const fetch = logged(world.fetch);
    const put = (): Promise<unknown> =>
      fetch(`${SERVER}v2/app/_trust/targets/x`, {
        method: 'PUT',
        body: new Blob(['x']).stream() as ReadableStream<Uint8Array>,
        duplex: 'half',
      });
    await expect(put()).rejects.toMatchObject({ code: 'unauthorized', next: containing('Try again') });
    expect(await put()).toMatchObject({ status: 200 });
  });
});

describe('over real connections', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  });

  async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const server = createServer((request, response) => {
      response.setHeader('connection', 'close');
      answer(request, response);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  it('a redirected read takes no token to another host', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end('file');
    });
    const server = await serve(
      (_request, response) => void response.writeHead(302, { location: `${other}file` }).end(),
    );
    const http = new Http(logged(fetch, { server, token: 'good' }));
    expect(await http.fetchBytes(`${server}1.root.json`, 100)).toEqual(new TextEncoder().encode('file'));
    expect(seen).toEqual([undefined]);
  });

  it('a token server that redirects gets no further', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end('{"token":"good"}');
    });
    const realm = await serve((_request, response) => void response.writeHead(307, { location: other }).end());
    const server = await serve(
      (_request, response) =>
        void response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}token",service="s"` }).end(),
    );
    await expect(new Http(logged(fetch, { server })).fetchBytes(`${server}x`, 100)).rejects.toMatchObject({
      code: 'network',
    });
    expect(seen).toEqual([]);
  });
});

describe('a challenge', () => {
  it.each([
    [
      'Bearer realm="r",service="s",scope="x",error="invalid_token"',
      { realm: 'r', service: 's', error: 'invalid_token' },
    ],
    ['bearer realm=r', { realm: 'r', service: undefined, error: undefined }],
    ['Basic realm="b", Bearer realm="r\\"\\\\,x", service="s"', { realm: 'r"\\,x', service: 's', error: undefined }],
    ['Negotiate abc==, Bearer realm="r"', { realm: 'r', service: undefined, error: undefined }],
    ['Bearer realm="r",realm="evil"', { realm: 'r', service: undefined, error: undefined }],
    ['Bearer realm="r", Basic realm="b",service="evil"', { realm: 'r', service: undefined, error: undefined }],
  ])('%s is read', (header, challenge) => {
    expect(bearerChallenge(header)).toEqual(challenge);
  });

  it.each([
    null,
    '',
    'Basic realm="b"',
    'Bearer',
    'Bearer realm',
    'Bearer realm="r',
    'Bearer service="s"',
    `Bearer realm="${'r'.repeat(8192)}"`,
    ',,,,',
    '=',
    '"',
  ])('%j is none', (header) => {
    expect(bearerChallenge(header)).toBeUndefined();
  });

  it('of endless commas and spaces is read at once', () => {
    const started = performance.now();
    for (const piece of [', ', '"\\', 'a=', 'a ', '\t,'])
      bearerChallenge(`Bearer ${piece.repeat(8_000 / piece.length)}`);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

it.each([
  ['registry.example/app', 'registry.example'],
  ['registry.example:5000/team/app', 'registry.example:5000'],
  ['localhost/app', 'localhost'],
  ['docker.io/library/alpine', 'https://index.docker.io/v1/'],
  ['team/app', 'trust.example'],
  ['app', 'trust.example'],
  ['app.v1', 'trust.example'],
])('%s is a collection of the registry %s', (gun, registry) => {
  expect(registryOf(parseGun(gun), SERVER)).toBe(registry);
});
