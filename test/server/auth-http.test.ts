import { rename, writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { instant } from '@countersign/client/tuf';
import { OPEN_ACCESS } from '@countersign/server';
import type { TokenConfig } from '../../packages/server/src/auth/config.js';
import { openAuthorizer, type OpenAuthorizer } from '../../packages/server/src/auth/open.js';
import { readBundle } from '../../packages/server/src/auth/bundle.js';
import { routes } from '../../packages/server/src/http/handler.js';
import type { HttpDeps } from '../../packages/server/src/http/route.js';
import { makeIssuer, mint, x5c, type Issuer, type Json } from '../support/tokens.js';
import { form, role } from './support/form.js';
import {
  codeOf,
  collectingLog,
  startTestServer,
  type Answer,
  type Ask,
  type TestServer,
} from './support/http-server.js';

const REALM = 'http://127.0.0.1:25001/token';
const SERVICE = 'notary-lab';
const CONFIG = { issuer: 'lab-issuer', service: SERVICE, realm: { url: REALM } };
const clock = (): ReturnType<typeof instant> => instant(Date.now());
const SILENT = collectingLog([]);

let directory: string;
let bundle: string;
let issuer: Issuer;
let server: TestServer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'auth-'));
  bundle = join(directory, 'bundle.pem');
  issuer = await makeIssuer({ kind: 'EC' });
  await writeFile(bundle, issuer.certificate.toString());
});
afterAll(() => rm(directory, { recursive: true }));

let authorizer: OpenAuthorizer;

async function start(access = OPEN_ACCESS, config: Partial<TokenConfig> = {}): Promise<void> {
  authorizer = await openAuthorizer({ ...CONFIG, bundle, ...config }, { clock, log: SILENT });
  server = await startTestServer({}, access, authorizer);
}

async function stop(): Promise<void> {
  await server.close();
  authorizer.close();
}

beforeEach(() => start());
afterEach(() => stop());

function token(name: string, ...actions: string[]): Ask['headers'] & object {
  return granted({ type: 'repository', name, actions });
}

function granted(...access: Json[]): Ask['headers'] & object {
  const exp = Math.floor(Date.now() / 1000) + 60;
  return { authorization: `Bearer ${mint(issuer, { iss: 'lab-issuer', aud: SERVICE, exp, access })}` };
}

function challengeOf(answer: Answer): string {
  expect(answer.status).toBe(401);
  return String(answer.headers['www-authenticate']);
}

const HASH = 'a'.repeat(64);
const BASE = `Bearer realm="${REALM}",service="${SERVICE}"`;

/** Method, path, what is needed. */
const NEEDS: readonly [string, string, string][] = [
  ['GET', '/v2/', 'registry:catalog:*'],
  ['GET', '/foo', 'registry:catalog:*'],
  ['GET', '/v2/pub/x', 'registry:catalog:*'],
  ['GET', '/v2/pub/x/_trust/tuf/nothing', 'registry:catalog:*'],
  ['POST', '/v2/pub/x/_trust/tuf/root.json', 'registry:catalog:*'],
  ['DELETE', '/health', 'registry:catalog:*'],
  ['GET', '/v2/pub/x/_trust/tuf/root.json', 'repository:pub/x:pull'],
  ['HEAD', '/v2/pub/x/_trust/tuf/timestamp.json', 'repository:pub/x:pull'],
  ['GET', '/v2/pub%2Fx/_trust/tuf/1.root.json', 'repository:pub/x:pull'],
  ['GET', '/v2/pub/x/_trust/tuf/timestamp.key?format=tuf-1', 'repository:pub/x:push,pull'],
  ['GET', '/v2/pub/x/_trust/tuf/timestamp%2Ekey?format=tuf-1', 'repository:pub/x:push,pull'],
  ['POST', '/v2/pub/x/_trust/tuf/timestamp.key?format=tuf-1', 'repository:pub/x:*'],
  ['POST', '/v2/pub/x/_trust/tuf/', 'repository:pub/x:push,pull'],
  ['POST', '/v2/pub/x/_trust/import', 'repository:pub/x:push,pull'],
  ['POST', '/v2/pub/x/_trust/import/past', 'repository:pub/x:push,pull'],
  ['POST', '/v2/pub/x/_trust/import/other', 'registry:catalog:*'],
  ['GET', `/v2/pub/x/_trust/targets/${HASH}.a`, 'repository:pub/x:pull'],
  ['HEAD', `/v2/pub/x/_trust/targets/${HASH}.a`, 'repository:pub/x:pull'],
  ['PUT', `/v2/pub/x/_trust/targets/${HASH}.a`, 'repository:pub/x:push,pull'],
];

describe('without a token', () => {
  it.each(NEEDS)('%s %s is told what it needs', async (method, path, scope) => {
    expect(challengeOf(await server.ask(path, { method }))).toBe(`${BASE},scope="${scope}"`);
    expect(server.log.map(({ message }) => message)).toEqual(['request refused']);
  });

  it.each(NEEDS)('nor with one for something else does %s %s', async (method, path, scope) => {
    const answer = await server.ask(path, { method, headers: token('pub/y', '*') });
    expect(challengeOf(answer)).toBe(`${BASE},scope="${scope}",error="insufficient_scope"`);
  });

  it.each(NEEDS)('nor with garbage does %s %s', async (method, path, scope) => {
    const answer = await server.ask(path, { method, headers: { authorization: 'Bearer abc' } });
    expect(challengeOf(answer)).toBe(`${BASE},scope="${scope}",error="invalid_token"`);
  });

  it('the server’s health is told to everybody', async () => {
    expect((await server.ask('/health')).status).toBe(200);
  });

  it('nothing of a body is read', async () => {
    const head = `POST /v2/pub/x/_trust/tuf/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n`;
    expect(await server.raw(head, 300)).toMatch(/^HTTP\/1\.1 401 /u);
    expect(server.collections.requests).toEqual([]);
  });

  it('the body says so in Notary’s words, as measured, and in ours', async () => {
    const one = await server.ask('/v2/pub/x/_trust/tuf/root.json');
    expect(one.body.toString()).toMatch(
      /^\{"errors":\[\{"code":"UNAUTHORIZED","message":"authentication required","detail":\[\{"Type":"repository","Class":"","Name":"pub\/x","Action":"pull"\}\]\}\],"error":/u,
    );
    expect(codeOf(one)).toBe('unauthorized');
    const two = await server.ask('/v2/pub/x/_trust/tuf/', { method: 'POST' });
    const row = { Type: 'repository', Class: '', Name: 'pub/x' };
    const detail = [
      { ...row, Action: 'push' },
      { ...row, Action: 'pull' },
    ];
    expect(two.json()).toMatchObject({ errors: [{ detail }] });
  });
});

/** A route needs exactly this: with less of it nobody comes in, with it the request goes on to what it asks for. */
const GRANTS: readonly [string, string, string[], number][] = [
  ['GET', '/v2/pub/x/_trust/tuf/root.json', ['pull'], 404],
  ['GET', '/v2/pub/x/_trust/tuf/timestamp.key?format=tuf-1', ['push', 'pull'], 200],
  ['POST', '/v2/pub/x/_trust/tuf/timestamp.key?format=tuf-1', ['*'], 200],
  ['POST', '/v2/pub/x/_trust/tuf/', ['push', 'pull'], 415],
  ['POST', '/v2/pub/x/_trust/import', ['push', 'pull'], 415],
  ['POST', '/v2/pub/x/_trust/import/past', ['push', 'pull'], 415],
  ['GET', `/v2/pub/x/_trust/targets/${HASH}.a`, ['pull'], 404],
  ['PUT', `/v2/pub/x/_trust/targets/${HASH}.a`, ['push', 'pull'], 422],
];

describe('with a token', () => {
  it.each(GRANTS)('%s %s goes on with %j and with *, and with nothing less', async (method, path, actions, status) => {
    const ask = async (...mine: string[]): Promise<number> =>
      (await server.ask(path, { method, headers: token('pub/x', ...mine) })).status;
    expect(await ask(...actions)).toBe(status);
    expect(await ask('*')).toBe(status);
    for (const missing of actions) expect(await ask(...actions.filter((action) => action !== missing))).toBe(401);
    if (actions.includes('*')) expect(await ask('push', 'pull')).toBe(401);
  });

  it('for the catalogue the ping answers, and what there is not is not found', async () => {
    const headers = granted({ type: 'registry', name: 'catalog', actions: ['*'] });
    expect((await server.ask('/v2/', { headers })).status).toBe(200);
    expect((await server.ask('/foo', { headers })).status).toBe(404);
    expect((await server.ask('/v2/pub/x/_trust/tuf/', { headers })).status).toBe(405);
    expect((await server.ask('/v2/pub/x/_trust/tuf/root.json', { headers })).status).toBe(401);
  });

  it('what is read is kept by no shared cache', async () => {
    const { headers: type, body } = form(role('root'));
    const headers = { ...type, ...token('pub/x', 'push', 'pull') };
    expect((await server.ask('/v2/pub/x/_trust/tuf/', { method: 'POST', headers, body })).status).toBe(200);
    const file = await server.ask('/v2/pub/x/_trust/tuf/1.root.json', { headers: token('pub/x', 'pull') });
    expect(file.headers['cache-control']).toBe('private, max-age=31536000, immutable');
  });

  it('nothing of it is logged', async () => {
    const headers = token('pub/x', 'pull');
    for (const path of [
      '/v2/pub/x/_trust/tuf/root.json',
      '/v2/pub/y/_trust/tuf/root.json',
      '/v2/%ff/_trust/tuf/root.json',
    ])
      await server.ask(path, { headers });
    server.collections.failure = new Error('broken for the test');
    expect((await server.ask('/v2/pub/x/_trust/tuf/root.json', { headers })).status).toBe(500);
    const log = JSON.stringify(server.log, (_key, value: unknown) => (value instanceof Error ? value.stack : value));
    expect(server.log.length).toBeGreaterThan(3);
    for (const part of String(headers.authorization).split('.')) expect(log.includes(part)).toBe(false);
  });

  it('its subject is logged with what it published', async () => {
    const exp = Math.floor(Date.now() / 1000) + 60;
    const access = [{ type: 'repository', name: 'pub/x', actions: ['*'] }];
    const jwt = mint(issuer, { iss: 'lab-issuer', aud: SERVICE, exp, sub: 'alice', access }, { x5c: x5c(issuer) });
    const { headers: type, body } = form(role('root'));
    const headers = { ...type, authorization: `Bearer ${jwt}` };
    await server.ask('/v2/pub/x/_trust/tuf/', { method: 'POST', headers, body });
    expect(server.log.find(({ message }) => message === 'published')?.what).toMatchObject({ by: 'alice' });
  });
});

describe('the name of a collection', () => {
  it.each([
    ['ends no string of the challenge', 'a",realm="https:evil.example', 'a\\",realm=\\"https:evil.example'],
    ['goes over the wire as UTF-8', 'café/日本', Buffer.from('café/日本').toString('latin1')],
  ])('%s', async (_what, gun, written) => {
    const path = `/v2/${gun.split('/').map(encodeURIComponent).join('/')}/_trust/tuf/root.json`;
    const answer = await server.ask(path);
    expect(challengeOf(answer)).toBe(`${BASE},scope="repository:${written}:pull"`);
    const { errors } = answer.json() as { errors: [{ detail: [{ Name: string }] }] };
    expect(errors[0].detail[0].Name).toBe(gun);
    expect((await server.ask(path, { headers: token(gun, 'pull') })).status).toBe(404);
  });

  it.each(['a%0d%0aSet-Cookie:%20evil=1', 'a%00', 'a%0a', 'a%5c'])('%s sets no header', async (name) => {
    const answer = await server.ask(`/v2/${name}/_trust/tuf/root.json`);
    expect([answer.status, codeOf(answer)]).toEqual([400, 'invalid-name']);
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect(answer.headers).not.toHaveProperty('www-authenticate');
  });

  it.each(['%22', 'x', '%E2%82%AC'])(
    'of many %s leaves the refusal within what Notary’s clients read',
    async (letter) => {
      const gun = letter.repeat(letter.length > 3 ? 85 : 255);
      const answer = await server.ask(`/v2/${gun}/_trust/tuf/`, { method: 'POST' });
      expect(challengeOf(answer)).toContain('push,pull');
      expect(answer.body.length).toBeLessThan(1_024);
      expect(answer.json()).toMatchObject({ errors: [{ code: 'UNAUTHORIZED' }], error: { code: 'unauthorized' } });
    },
  );
});

describe('a browser', () => {
  it('may ask with a token from an allowed origin, and see the challenge', async () => {
    await stop();
    await start({ hosts: undefined, origins: new Set(['https://p.example']) });
    const path = '/v2/pub/x/_trust/tuf/root.json';
    for (const method of ['GET', 'POST']) {
      const headers = { origin: 'https://p.example', 'access-control-request-method': method };
      const preflight = await server.ask(path, { method: 'OPTIONS', headers });
      expect(preflight.status).toBe(204);
      expect(preflight.headers['access-control-allow-headers']).toContain('Authorization');
    }
    const answer = await server.ask(path);
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    expect(answer.headers['access-control-expose-headers']).toContain('WWW-Authenticate');
    expect(answer.headers['access-control-expose-headers']).toContain('Date');
  });
});

describe('autoredirect', () => {
  it('sends clients to the host they asked for, if it is one of ours', async () => {
    await stop();
    await start({ hosts: new Set(['trust.example.com']), origins: new Set() }, { realm: 'host' });
    for (const host of ['trust.example.com', 'trust.example.com:4443', 'localhost:1']) {
      const answer = await server.ask('/v2/', { headers: { host } });
      expect(challengeOf(answer)).toContain(`Bearer realm="https://${host}/auth/token",`);
    }
    for (const host of ['evil.example', 'trust.example.com@evil.example', 'trust.example.com", realm="x']) {
      const answer = await server.ask('/v2/', { headers: { host } });
      expect([answer.status, answer.headers['www-authenticate']]).toEqual([403, undefined]);
    }
  });
});

describe('the bundle', () => {
  it('is read again when it changes, and stays when it is broken', async () => {
    const file = join(directory, 'changing.pem');
    const put = async (text: string): Promise<void> => {
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    };
    await put(issuer.certificate.toString());
    const lines: Parameters<typeof collectingLog>[0] = [];
    const changing = await openAuthorizer({ ...CONFIG, bundle: file }, { clock, log: collectingLog(lines) });
    const authorization = String(token('pub/x', 'pull').authorization);
    const ask = async (): Promise<unknown> =>
      changing.authorize({ authorization }, { type: 'repository', name: 'pub/x', actions: ['pull'] });
    await put('broken');
    await expect.poll(() => lines.some(({ level }) => level === 'error'), { timeout: 15_000 }).toBe(true);
    await ask();
    await put((await makeIssuer({ kind: 'EC' })).certificate.toString());
    await expect.poll(() => lines.some(({ level }) => level === 'info'), { timeout: 15_000 }).toBe(true);
    await expect(ask()).rejects.toMatchObject({ code: 'unauthorized' });
    changing.close();
  });

  it.each<[string, () => string, RegExp]>([
    ['without a certificate', () => 'nothing', /no PEM certificate/u],
    [
      'with a broken certificate',
      () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
      /cannot be read/u,
    ],
    ['of endless certificates', () => issuer.certificate.toString().repeat(101), /more than 100/u],
    ['of endless bytes', () => 'x'.repeat(256 * 1024 + 1), /larger than/u],
  ])('%s is refused', async (_what, text, message) => {
    const file = join(directory, 'bad.pem');
    await writeFile(file, text());
    await expect(readBundle(file)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message) as string,
      next: expect.stringContaining('auth.rootcertbundle') as string,
    });
    await expect(readBundle(`${file}.gone`)).rejects.toMatchObject({ code: 'usage' });
  });
});

it('every route says what it needs, in the order the challenge has it', () => {
  const deps = { collections: server.collections, limits: {} } as unknown as HttpDeps;
  const { service, tuf, targets, changefeed, import: imports } = routes(deps);
  const open = service.filter(({ access }) => access === 'everybody').map(({ path }) => path);
  expect(open.sort()).toEqual(['/_notary_server/health', '/health', '/metrics']);
  for (const { method, body, access } of [...tuf, ...targets, ...changefeed, ...imports]) {
    const reads = access.length === 1 && access[0] === 'pull';
    if (method !== 'GET' || body !== 'none') expect(reads).toBe(false);
  }
});
