import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digest } from './support/memory-collections.js';
import { codeOf, startTestServer, type TestServer } from './support/http-server.js';

const BASE = '/v2/app/_trust/targets/';
const LIMIT = 3_000_000;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ target: LIMIT, bodyIdle: 300, drainBytes: 10_000_000, drainTime: 1_000 });
});
afterAll(() => server.close());

const bytes = randomBytes(300_000);
const sha256 = digest('sha256', bytes);
const sha512 = digest('sha512', bytes);

describe('a target file', () => {
  it('is stored under its hash, and served by either hash whatever its directory', async () => {
    const stored = await server.ask(`${BASE}lib/${sha256}.index.js`, { method: 'PUT', body: bytes });
    expect([stored.status, stored.json()]).toEqual([201, { length: bytes.length, sha256 }]);
    for (const name of [`lib/${sha256}.index.js`, `${sha512}.index.js`, `a%20b/%25/c%2F${sha256}.x.y`]) {
      const answer = await server.ask(BASE + name);
      expect(answer.status).toBe(200);
      expect(answer.body.equals(bytes)).toBe(true);
      expect(answer.headers).toMatchObject({
        'content-length': String(bytes.length),
        'content-type': 'application/octet-stream',
        'x-content-type-options': 'nosniff',
        'cache-control': 'public, max-age=31536000, immutable',
        'access-control-allow-origin': '*',
      });
    }
  });

  it('answers HEAD and If-None-Match without the bytes', async () => {
    const head = await server.ask(`${BASE}${sha256}.x`, { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, String(bytes.length), 0]);
    const known = await server.ask(`${BASE}${sha256}.x`, { headers: { 'If-None-Match': `"${sha256}"` } });
    expect([known.status, known.body.length]).toEqual([304, 0]);
    const other = await server.ask(`${BASE}${sha256}.x`, { headers: { 'If-None-Match': '"x"' } });
    expect([other.status, other.body.length]).toEqual([200, bytes.length]);
  });

  it('of one collection is not in another', async () => {
    for (const method of ['GET', 'HEAD']) {
      expect((await server.ask(`/v2/other/_trust/targets/${sha256}.x`, { method })).status).toBe(404);
    }
    const conditional = await server.ask(`/v2/other/_trust/targets/${sha256}.x`, {
      headers: { 'If-None-Match': `"${sha256}"` },
    });
    expect(conditional.status).toBe(404);
  });

  it('may be empty', async () => {
    const name = `${createHash('sha256').digest('hex')}.empty`;
    expect((await server.ask(BASE + name, { method: 'PUT' })).status).toBe(201);
    const answer = await server.ask(BASE + name);
    expect([answer.status, answer.body.length, answer.headers['content-length']]).toEqual([200, 0, '0']);
  });

  it.each(['with space', '100%', 'ünï', 'a?b#c', '..x', 'q".js'])('may be called %s', async (name) => {
    const url = `${BASE}d/${sha256}.${encodeURIComponent(name)}`;
    expect((await server.ask(url, { method: 'PUT', body: bytes })).status).toBe(201);
    expect((await server.ask(url)).status).toBe(200);
  });
});

describe('an upload of a target file is refused', () => {
  it.each([
    ['with another hash than its own', `${'0'.repeat(64)}.x`, 422, 'arbitrary-software'],
    ['with a way out of its directory', `a/../${sha256}.x`, 400, 'invalid-name'],
    ['with an encoded way out', `a%2F..%2F${sha256}.x`, 400, 'invalid-name'],
    ['with an absolute path', `/${sha256}.x`, 400, 'invalid-name'],
    ['with a control character', `${sha256}.a%00b`, 400, 'invalid-name'],
    ['with a backslash', `a%5C/${sha256}.b`, 400, 'invalid-name'],
    ['with a bad escape', `${sha256}.100%`, 400, 'invalid-name'],
    ['without a hash', 'index.js', 404, 'not-found'],
    ['with half a hash', `${sha256.slice(32)}.x`, 404, 'not-found'],
    ['with a hash in capitals', `${sha256.toUpperCase()}.x`, 404, 'not-found'],
    ['without a name', `${sha256}.`, 404, 'not-found'],
    ['by its SHA-512', `${sha512}.x`, 405, 'unsupported'],
  ])('%s', async (_what, name, status, code) => {
    const answer = await server.ask(BASE + name, { method: 'PUT', body: bytes });
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
  });

  it.each([{}, { 'Transfer-Encoding': 'chunked' }])('over its limit, whether it says so or not %#', async (headers) => {
    const answer = await server.ask(`${BASE}${sha256}.x`, { method: 'PUT', body: Buffer.alloc(8_000_000), headers });
    expect([answer.status, codeOf(answer)]).toEqual([413, 'too-large']);
    expect(answer.json()).toMatchObject({ error: { detail: { limit: LIMIT } } });
  });

  it('when it stops half way, and the client is cut off', async () => {
    const head = `PUT ${BASE}${sha256}.x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf`;
    const received = await server.raw(head, 10_000);
    expect(received).toMatch(/^HTTP\/1\.1 400 /u);
    expect(received).toContain('bad-upload');
  });
});

describe('a download', () => {
  it('of a client that takes nothing does not hold the file in memory, and breaks off when it goes', async () => {
    const received = await server.raw(`GET ${BASE}${sha256}.x HTTP/1.1\r\nHost: x\r\n\r\n`, 20);
    expect(received).toMatch(/^HTTP\/1\.1 200 |^$/u);
    expect((await server.ask('/v2/')).status).toBe(200);
  });
});
