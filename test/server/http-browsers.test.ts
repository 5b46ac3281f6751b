import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '@countersign/server';
import { form, role } from './support/form.js';
import { codeOf, startTestServer, type Answer, type TestServer } from './support/http-server.js';

const ALLOWED = 'https://publish.example.com';
const EVIL = 'https://evil.example';

let server: TestServer;
beforeAll(async () => {
  const signer = { url: 'https://x', ca: 'ca', certificate: 'c', key: 'k' };
  const listen = { http: '127.0.0.1:0', names: ['Trust.Example.com'], allowedOrigins: [ALLOWED] };
  const document = { listen, database: { sqlite: 's' }, signer };
  const { access } = await readConfig(document, { directory: '/', environment: {} });
  server = await startTestServer({}, access);
  await publish('/v2/app/_trust/tuf/', {});
});
afterAll(() => server.close());

function publish(base: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const { headers: type, body } = form(role('root'));
  return server.ask(base, { method: 'POST', headers: { ...type, ...headers }, body });
}

function acao(answer: Answer): string | undefined {
  return answer.headers['access-control-allow-origin'];
}

const FOREIGN: readonly [string, Readonly<Record<string, string>>][] = [
  ['a cross-site form', { 'sec-fetch-site': 'cross-site' }],
  ['a page of a sibling site', { 'sec-fetch-site': 'same-site' }],
  ['a foreign origin', { origin: EVIL }],
  ['a sandboxed page', { origin: 'null' }],
  ['an origin that only begins like an allowed one', { origin: `${ALLOWED}.evil.example` }],
  ['another port of this machine', { origin: 'http://127.0.0.1:3000' }],
];

describe('a website', () => {
  it.each(FOREIGN)('publishes nothing through %s', async (_what, headers) => {
    const before = server.collections.requests.length;
    const answer = await publish('/v2/squat/_trust/tuf/', headers);
    expect([answer.status, codeOf(answer), acao(answer)]).toEqual([403, 'unauthorized', undefined]);
    expect(server.collections.requests.length).toBe(before);
  });

  it.each(FOREIGN)('uploads no target through %s', async (_what, headers) => {
    const path = `/v2/app/_trust/targets/${'a'.repeat(64)}.x`;
    expect((await server.ask(path, { method: 'PUT', headers, body: 'x' })).status).toBe(403);
    expect((await server.ask(path, { method: 'OPTIONS', headers })).status).toBe(403);
  });

  it.each(FOREIGN)('has no key made through %s', async (_what, headers) => {
    for (const method of ['GET', 'POST']) {
      for (const name of ['timestamp.key', 'snapshot%2Ekey']) {
        const answer = await server.ask(`/v2/new/_trust/tuf/${name}?format=tuf-1`, { method, headers });
        expect([answer.status, acao(answer)]).toEqual([403, undefined]);
      }
    }
  });

  it.each(FOREIGN)('reads what is published, by %s', async (_what, headers) => {
    const found = await server.ask('/v2/app/_trust/tuf/1.root.json', { headers });
    expect([found.status, acao(found)]).toEqual([200, '*']);
    const missing = await server.ask('/v2/app/_trust/tuf/2.root.json', { headers });
    expect([missing.status, acao(missing)]).toEqual([404, '*']);
    expect((await server.ask('/health', { headers })).status).toBe(200);
  });

  it.each(FOREIGN)('asks whether it still has the newest, by %s', async (_what, headers) => {
    const path = '/v2/app/_trust/tuf/1.root.json';
    const asking = {
      ...headers,
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'if-none-match',
    };
    const preflight = await server.ask(path, { method: 'OPTIONS', headers: asking });
    expect([preflight.status, acao(preflight)]).toEqual([204, '*']);
    expect(preflight.headers['access-control-allow-headers']).toBe('If-None-Match');
    const etag = (await server.ask(path)).headers.etag ?? '';
    const answer = await server.ask(path, { headers: { ...headers, 'if-none-match': etag } });
    expect([answer.status, acao(answer)]).toEqual([304, '*']);
    expect(answer.headers['access-control-expose-headers']).toContain('ETag');
  });

  it.each(['/v2/app/_trust/tuf/timestamp.key', '/v2/app/_trust/tuf/timestamp%2Ekey', '/v2/', '/health'])(
    'is not told that it may read %s with headers of its own',
    async (path) => {
      const headers = { origin: EVIL, 'access-control-request-method': 'GET' };
      const answer = await server.ask(path, { method: 'OPTIONS', headers });
      expect([answer.status, acao(answer)]).toEqual([403, undefined]);
    },
  );

  it.each([`targets/${'a'.repeat(64)}.x`, 'targets/no-hash', 'tuf/01.root.json', 'tuf/nothing', 'changefeed'])(
    'sees a refusal of %s for what it is, and when it was',
    async (path) => {
      const answer = await server.ask(`/v2/app/_trust/${path}`, { headers: { origin: EVIL } });
      expect([answer.status < 500, acao(answer)]).toEqual([true, '*']);
      expect(answer.headers['access-control-expose-headers']).toMatch(/\bDate\b.*\bRetry-After\b/u);
    },
  );

  it.each([EVIL.slice(8), 'localhost.evil.example', '127.0.0.1.evil.example', '0.0.0.0', '192.168.1.1:80', '[::2]'])(
    'that rebinds its name %s to this machine gets nothing',
    async (host) => {
      for (const headers of [{ host }, { host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' }]) {
        const read = await server.ask('/v2/app/_trust/tuf/1.root.json', { headers });
        expect([read.status, codeOf(read), acao(read)]).toEqual([403, 'unauthorized', undefined]);
        expect((await publish('/v2/squat/_trust/tuf/', headers)).status).toBe(403);
      }
    },
  );

  it('sees no key of ours', async () => {
    const answer = await server.ask('/v2/app/_trust/tuf/timestamp.key?format=tuf-1');
    expect([answer.status, acao(answer)]).toEqual([200, undefined]);
  });
});

describe('let in are', () => {
  it.each(['localhost', 'LOCALHOST:4480', 'localhost.', '127.0.0.1:1', '127.1.2.3', '[::1]:4443', 'trust.example.COM'])(
    'requests for %s',
    async (host) => {
      expect((await server.ask('/v2/', { headers: { host } })).status).toBe(200);
    },
  );

  it.each<[string, Readonly<Record<string, string>>]>([
    ['the server itself', { host: 'localhost:4480', origin: 'http://localhost:4480', 'sec-fetch-site': 'same-origin' }],
    ['an address somebody typed', { 'sec-fetch-site': 'none' }],
    ['an origin that is allowed', { origin: ALLOWED, 'sec-fetch-site': 'cross-site' }],
  ])('pages of %s', async (what, headers) => {
    const answer = await publish(`/v2/${what.replaceAll(' ', '-')}/_trust/tuf/`, headers);
    expect(answer.status).toBe(200);
    expect(acao(answer)).toBe(headers['origin'] === ALLOWED ? ALLOWED : undefined);
  });

  it('an allowed origin, which is told so before it uploads a target', async () => {
    const answer = await server.ask(`/v2/app/_trust/targets/${'a'.repeat(64)}.x`, {
      method: 'OPTIONS',
      headers: { origin: ALLOWED, 'access-control-request-method': 'PUT', 'sec-fetch-site': 'cross-site' },
    });
    expect([answer.status, acao(answer)]).toEqual([204, ALLOWED]);
    expect(answer.headers['access-control-allow-methods']).toContain('PUT');
  });
});

it('a token is taken along to a read from an allowed origin alone', async () => {
  const path = '/v2/app/_trust/tuf/timestamp.json';
  const told = async (origin: string): Promise<string | undefined> => {
    const headers = {
      origin,
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization',
    };
    const answer = await server.ask(path, { method: 'OPTIONS', headers });
    expect([answer.status, acao(answer), answer.headers.vary]).toEqual([204, '*', 'Origin']);
    return answer.headers['access-control-allow-headers'];
  };
  expect(await told(ALLOWED)).toMatch(/\bAuthorization\b/u);
  expect(await told(EVIL)).not.toMatch(/\bAuthorization\b/u);
});

it.each([
  [{ http: '0.0.0.0:0' }, undefined],
  [{ http: '0.0.0.0:0', names: ['a'] }, new Set(['a'])],
  [{ http: 'localhost:0' }, new Set()],
])('a server on %j answers to %j', async (listen, hosts) => {
  const signer = { url: 'https://x', ca: 'ca', certificate: 'c', key: 'k' };
  const document = { listen, database: { sqlite: 's' }, signer, insecureListenWithoutAuthentication: true };
  expect((await readConfig(document, { directory: '/', environment: {} })).access.hosts).toEqual(hosts);
});
