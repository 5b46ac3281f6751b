import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CountersignError, instant } from '@countersign/client/tuf';
import { form, role } from './support/form.js';
import { codeOf, startTestServer, type TestServer } from './support/http-server.js';

const BASE = '/v2/example.com/app/_trust/tuf/';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.ask(BASE, {
    method: 'POST',
    ...form(role('root'), role('snapshot'), role('targets'), role('team/a', 1)),
  });
  await server.ask(BASE, { method: 'POST', ...form(role('targets', 2)) });
});
beforeEach(() => {
  server.collections.failure = undefined;
});
afterAll(() => server.close());

describe('metadata', () => {
  it.each([
    ['timestamp.json', 2, 'no-cache'],
    ['root.json', 1, 'no-cache'],
    ['snapshot.json', 1, 'no-cache'],
    ['targets.json', 2, 'no-cache'],
    ['team%2Fa.json', 1, 'no-cache'],
    ['1.root.json', 1, 'public, max-age=31536000, immutable'],
    ['1.snapshot.json', 1, 'public, max-age=31536000, immutable'],
    ['1.targets.json', 1, 'public, max-age=31536000, immutable'],
    ['2.targets.json', 2, 'public, max-age=31536000, immutable'],
    ['1.team%2Fa.json', 1, 'public, max-age=31536000, immutable'],
  ])('%s is served as stored, with how long it may be kept', async (name, version, caching) => {
    const answer = await server.ask(BASE + name);
    expect(answer.status).toBe(200);
    expect(answer.json()).toEqual({ signed: { version } });
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.headers['content-length']).toBe(String(answer.body.length));
    expect(answer.headers['cache-control']).toBe(caching);
    expect(answer.headers['access-control-allow-origin']).toBe('*');
  });

  it('answers HEAD as GET without the bytes', async () => {
    const get = await server.ask(`${BASE}1.root.json`);
    const head = await server.ask(`${BASE}1.root.json`, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.body.length).toBe(0);
    for (const name of ['content-length', 'etag', 'content-type'] as const)
      expect(head.headers[name]).toBe(get.headers[name]);
  });

  it.each([
    ['the tag', (tag: string) => tag, 304],
    ['the weak tag', (tag: string) => `W/${tag}`, 304],
    ['the tag in a list', (tag: string) => `"other", ${tag}`, 304],
    ['any', () => '*', 304],
    ['another tag', () => '"other"', 200],
  ])('If-None-Match with %s', async (_what, condition, status) => {
    const { headers } = await server.ask(`${BASE}timestamp.json`);
    expect(headers.etag).toMatch(/^"[0-9a-f]{64}"$/u);
    const answer = await server.ask(`${BASE}timestamp.json`, {
      headers: { 'If-None-Match': condition(headers.etag ?? '') },
    });
    expect(answer.status).toBe(status);
    expect(answer.headers.etag).toBe(headers.etag);
    expect(answer.body.length === 0).toBe(status === 304);
  });

  it.each([
    '0.root.json',
    '01.root.json',
    '2.root.json',
    '99999999999999999999.root.json',
    '1.timestamp.json',
    'other.json',
    'root',
    'root.jsonx',
    '.json',
    '1..json',
    '-1.root.json',
    '1.5.root.json',
    '+1.root.json',
  ])('there is no %s', async (name) => {
    const answer = await server.ask(BASE + name);
    expect(answer.status).toBe(404);
    expect(codeOf(answer)).toBe('not-found');
    expect(answer.headers['access-control-allow-origin']).toBe('*');
  });

  it.each([
    '..%2F..%2Fetc.json',
    '1.a%2F..%2Fb.json',
    'a%0Ab.json',
    '%2Fa.json',
    '1.%5C.json',
    '%25%.json',
    '%ff.json',
  ])('refuses %s as a role name', async (name) => {
    const answer = await server.ask(BASE + name);
    expect(answer.status).toBe(400);
    expect(codeOf(answer)).toBe('invalid-name');
  });

  it('does not show one collection in another', async () => {
    expect((await server.ask('/v2/example.com/_trust/tuf/1.root.json')).status).toBe(404);
    expect((await server.ask('/v2/example.com/app/x/_trust/tuf/1.root.json')).status).toBe(404);
  });

  it.each([
    ['a dot', 'a.b', 'a.b'],
    ['a port', 'host:5000/x', 'host:5000/x'],
    ['a space', 'a b', 'a%20b'],
    ['a percent sign', '50%', '50%25'],
    ['what looks encoded', 'a%20b', 'a%2520b'],
    ['other scripts', '日本語', encodeURIComponent('日本語')],
  ])('serves a collection with %s in its name', async (_what, gun, encoded) => {
    const base = `/v2/${encoded}/_trust/tuf/`;
    const published = await server.ask(base, { method: 'POST', ...form(role('root')) });
    expect(published.json()).toMatchObject({ gun });
    expect((await server.ask(`${base}1.root.json`)).status).toBe(200);
  });
});

describe('online keys', () => {
  it.each(['timestamp', 'snapshot'])('GET %s.key gives the key to use, POST the next', async (name) => {
    const path = `${BASE}${name}.key?format=tuf-1`;
    const first = await server.ask(path);
    expect(first.json()).toEqual({ gun: 'example.com/app', role: name, format: 'tuf-1', number: 1 });
    expect(first.headers['cache-control']).toBe('no-store');
    expect((await server.ask(path)).json()).toEqual(first.json());
    expect((await server.ask(path, { method: 'POST' })).json()).toMatchObject({ number: 2 });
  });

  it.each(['', '?format=notary-1', '?other=tuf-1'])('without the hint (%s) is a Notary client’s', async (query) => {
    for (const method of ['GET', 'POST']) {
      const answer = await server.ask(`${BASE}timestamp.key${query}`, { method });
      expect(answer.json()).toMatchObject({ format: 'notary-1' });
    }
  });

  it.each(['?format=', '?format=tuf-2'])('of another format (%s) is not offered', async (query) => {
    const answer = await server.ask(`${BASE}timestamp.key${query}`);
    expect(codeOf(answer)).toBe('unsupported');
  });

  it('there is no root or targets key', async () => {
    expect((await server.ask(`${BASE}root.key?format=tuf-1`)).status).toBe(404);
  });
});

describe('what belongs to no collection', () => {
  it('GET /v2/ says that a server is here', async () => {
    const answer = await server.ask('/v2/');
    expect([answer.status, answer.json()]).toEqual([200, {}]);
  });

  it('GET /health tells of store and signer', async () => {
    expect((await server.ask('/health')).json()).toEqual({ store: 'ok', signer: 'ok' });
    server.collections.signer = 'down';
    const degraded = await server.ask('/health');
    server.collections.signer = 'ok';
    expect([degraded.status, degraded.json()]).toEqual([200, { store: 'ok', signer: 'down' }]);
    server.collections.signedUntil = instant(Date.UTC(2030, 0, 8));
    const until = await server.ask('/health');
    server.collections.signedUntil = undefined;
    expect(until.json()).toEqual({ store: 'ok', signer: 'ok', signedUntil: '2030-01-08T00:00:00Z' });
    server.collections.failure = new CountersignError('unavailable', 'the database does not answer');
    const down = await server.ask('/health');
    expect([down.status, codeOf(down), down.headers['retry-after']]).toEqual([503, 'unavailable', '5']);
  });

  it.each(['/', '/v2', '/v2/app', '/v2/app/_trust/tuf', '/v2/app/_trust/x/y', '/v1/keys', '/health/'])(
    'there is nothing at %s',
    async (path) => {
      const answer = await server.ask(path);
      expect([answer.status, codeOf(answer)]).toEqual([404, 'not-found']);
    },
  );

  it.each([
    ['/v2/', 'POST', 'GET, HEAD'],
    ['/health', 'DELETE', 'GET, HEAD'],
    [BASE, 'GET', 'DELETE, POST'],
    [`${BASE}timestamp.json`, 'PUT', 'GET, HEAD'],
    [`${BASE}1.root.json`, 'DELETE', 'GET, HEAD'],
    [`${BASE}timestamp.key`, 'PUT', 'GET, HEAD, POST'],
  ])('%s does not take %s, and says what it takes', async (path, method, allow) => {
    const answer = await server.ask(path, { method });
    expect([answer.status, answer.headers.allow]).toEqual([405, allow]);
  });
});

describe('faults', () => {
  it('tells the client nothing about a fault of ours, and the log everything', async () => {
    server.collections.failure = new Error('secret detail');
    const answer = await server.ask(`${BASE}timestamp.json`);
    expect([answer.status, codeOf(answer)]).toEqual([500, 'internal']);
    expect(answer.body.toString()).not.toContain('secret');
    expect(server.log.at(-1)).toMatchObject({ level: 'error', what: { err: server.collections.failure } });
  });

  it('keeps the cause of a refusal to itself', async () => {
    server.collections.failure = new CountersignError('unavailable', 'the signer does not answer', {
      cause: new Error('10.0.0.7 refused'),
    });
    const answer = await server.ask(`${BASE}timestamp.json`);
    expect(answer.status).toBe(503);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body.toString()).not.toContain('10.0.0.7');
  });

  it('answers headers that never end', async () => {
    const received = await server.raw('GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Slow: ', 5_000);
    expect(received).toContain('408');
  });
});
