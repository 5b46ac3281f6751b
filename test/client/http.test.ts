import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { containing } from '../simulator/matchers.js';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Fetch } from '../../packages/client/src/http/fetch.js';
import { Http } from '../../packages/client/src/http/http.js';
import { connect } from '../../packages/client/src/node/connect.js';

const url = 'https://repo.example/v2/app/_trust/tuf/timestamp.json';
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function answering(body: BodyInit | null, init: ResponseInit = {}): Fetch {
  return async () => new Response(body, init);
}

async function drain(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

/** A body that counts how much of it was asked for, and whether it was let go. */
function endless(): { fetch: Fetch; state: { sent: number; cancelled: boolean } } {
  const state = { sent: 0, cancelled: false };
  const fetch: Fetch = async () =>
    new Response(
      new ReadableStream<Uint8Array>({
        pull(controller) {
          state.sent += 1024;
          controller.enqueue(new Uint8Array(1024));
        },
        cancel() {
          state.cancelled = true;
        },
      }),
    );
  return { fetch, state };
}

describe('fetching metadata', () => {
  it('gives the exact bytes', async () => {
    const http = new Http(answering('{"a": 1} \n'));
    expect(await http.fetchBytes(url, 100)).toEqual(text('{"a": 1} \n'));
  });

  it('takes a file of exactly the limit, and not one byte more', async () => {
    expect(await new Http(answering('12345')).fetchBytes(url, 5)).toEqual(text('12345'));
    await expect(new Http(answering('123456')).fetchBytes(url, 5)).rejects.toMatchObject({
      code: 'endless-data',
      detail: { limit: 5 },
    });
  });

  it.each([404, 403])('takes %i as "no such file"', async (status) => {
    expect(await new Http(answering('nothing here', { status })).fetchBytes(url, 100)).toBeUndefined();
  });

  it.each([
    [500, 'unavailable'],
    [503, 'unavailable'],
    [429, 'unavailable'],
    [401, 'unauthorized'],
    [400, 'network'],
    [204, 'network'],
  ])('takes %i as an error, never as "no newer file"', async (status, code) => {
    const http = new Http(answering(status === 204 ? null : 'no', { status }));
    await expect(http.fetchBytes(url, 100)).rejects.toMatchObject({ code, detail: { host: 'repo.example', status } });
  });

  it('quotes what a server says, without what drives or turns a terminal, and lets the status decide', async () => {
    const message = 'signer \u001b[31mdown\n\tfor \u202egpj.exe\u2066';
    const body = JSON.stringify({ error: { code: 'rollback', message } });
    const error = await new Http(answering(body, { status: 503 }))
      .fetchBytes(url, 100)
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'unavailable' });
    expect((error as Error).message).toContain('signer \ufffd[31mdown for \ufffdgpj.exe\ufffd');
  });

  it('stops an endless answer and lets the connection go', async () => {
    const { fetch, state } = endless();
    await expect(new Http(fetch).fetchBytes(url, 10_000)).rejects.toMatchObject({ code: 'endless-data' });
    expect(state.cancelled).toBe(true);
    expect(state.sent).toBeLessThan(20_000);
  });

  it('stops an endless error body', async () => {
    const { fetch, state } = endless();
    const refused: Fetch = async (...args) =>
      new Response((await fetch(...args)).body as ReadableStream, { status: 500 });
    await expect(new Http(refused).fetchBytes(url, 100)).rejects.toMatchObject({ code: 'unavailable' });
    expect(state.cancelled).toBe(true);
  });

  it('recognises the web page of a captive portal', async () => {
    const page = answering('<html>Log in</html>', { headers: { 'content-type': 'text/html; charset=utf-8' } });
    await expect(new Http(page).fetchBytes(url, 1000)).rejects.toMatchObject({
      code: 'network',
      message: containing('web page'),
    });
  });

  it('refuses a redirect to another scheme', async () => {
    const downgraded: Fetch = async () => ({
      status: 200,
      url: 'http://repo.example/x',
      headers: { get: () => null },
      body: null,
    });
    await expect(new Http(downgraded).fetchBytes(url, 100)).rejects.toMatchObject({
      code: 'network',
      message: containing('another scheme'),
    });
  });

  it('names the host when the connection fails', async () => {
    const broken: Fetch = async () => Promise.reject(new TypeError('fetch failed'));
    await expect(new Http(broken).fetchBytes(url, 100)).rejects.toMatchObject({
      code: 'network',
      message: containing('repo.example'),
      next: containing(''),
    });
  });
});

describe('in a browser, which does not say why a request failed', () => {
  afterEach(() => void vi.unstubAllGlobals());

  async function adviceFor(address: string, page: string, error: Error = new TypeError('Failed to fetch')) {
    vi.stubGlobal('location', new URL(page));
    const failing = new Http(async () => Promise.reject(error));
    const caught: unknown = await failing.fetchBytes(address, 100).catch((thrown: unknown) => thrown);
    expect(caught).toMatchObject({
      code: 'network',
      message: containing('cannot fetch timestamp.json from repo.example'),
    });
    return (caught as { next: string }).next;
  }

  it('the error names what it may be: the server, its certificate, CORS, the policy of the page', async () => {
    const advice = await adviceFor(url, 'https://app.example/page');
    for (const word of ['down', 'certificate', 'pages of https://app.example', 'CORS', 'connect-src'])
      expect(advice).toContain(word);
  });

  it('the error says that this machine is offline where the browser knows', async () => {
    vi.stubGlobal('navigator', { onLine: false });
    expect(await adviceFor(url, 'https://app.example/page')).toContain('offline');
  });

  it('the error says that a page over https may not ask over http', async () => {
    const address = url.replace('https:', 'http:');
    expect(await adviceFor(address, 'https://app.example/page')).toContain('Use https://repo.example');
    expect(await adviceFor(address, 'http://app.example/page')).toContain('console');
  });

  it('what says more than that is left as it is', async () => {
    const error = new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') });
    expect(await adviceFor(url, 'https://app.example/page', error)).toContain("Check the server's address");
  });
});

describe('an abort while the body of a refusal is still to come', () => {
  /** An answer whose body stands still; `asked` once somebody waits for it. */
  function standing(status: number): { fetch: Fetch; asked: Promise<void> } {
    let tell = (): void => undefined;
    const asked = new Promise<void>((resolve) => (tell = resolve));
    const body = (): ReadableStream => new ReadableStream({ pull: tell }, { highWaterMark: 0 });
    return { fetch: async () => new Response(body(), { status }), asked };
  }

  it.each([403, 404, 500])('fails with its own reason, not with what %i means', async (status) => {
    const reads = [
      (http: Http, signal: AbortSignal) => http.fetchBytes(url, 100, { signal }),
      (http: Http, signal: AbortSignal) => drain(http.fetchTarget(url, 5, { signal })),
    ];
    for (const read of reads) {
      const { fetch, asked } = standing(status);
      const stop = new AbortController();
      const reason = new Error('the user left');
      const failed = expect(read(new Http(fetch), stop.signal)).rejects.toBe(reason);
      await asked;
      stop.abort(reason);
      await failed;
    }
  });
});

describe('fetching targets', () => {
  it('gives the chunks', async () => {
    expect(await drain(new Http(answering('hello')).fetchTarget(url, 5))).toBe('hello');
  });

  it('takes HTML for what it is: a target may be a page', async () => {
    const page = answering('<p>', { headers: { 'content-type': 'text/html' } });
    expect(await drain(new Http(page).fetchTarget(url, 3))).toBe('<p>');
  });

  it('says not-found for a missing one', async () => {
    await expect(drain(new Http(answering('', { status: 404 })).fetchTarget(url, 5))).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('stops at the first byte beyond the length', async () => {
    const { fetch, state } = endless();
    await expect(drain(new Http(fetch).fetchTarget(url, 4096))).rejects.toMatchObject({ code: 'endless-data' });
    expect(state.cancelled).toBe(true);
  });

  it('lets the connection go when the reader stops early', async () => {
    const { fetch, state } = endless();
    for await (const chunk of new Http(fetch).fetchTarget(url, 1 << 20)) {
      expect(chunk.length).toBe(1024);
      break;
    }
    expect(state.cancelled).toBe(true);
  });
});

describe('time limits', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const dripping =
    (everyMs: number): Fetch =>
    async () =>
      new Response(
        new ReadableStream<Uint8Array>({
          async pull(controller) {
            await new Promise((resolve) => setTimeout(resolve, everyMs));
            controller.enqueue(new Uint8Array(1));
          },
        }),
      );

  it('gives up on a server that never answers', async () => {
    const silent: Fetch = () => new Promise(() => undefined);
    const failed = expect(new Http(silent, { idle: 1_000 }).fetchBytes(url, 10)).rejects.toMatchObject({
      code: 'unavailable',
      message: containing('sent nothing for 1 s'),
    });
    await vi.advanceTimersByTimeAsync(1_001);
    await failed;
  });

  it('gives up on a server that pauses', async () => {
    const failed = expect(new Http(dripping(5_000), { idle: 1_000 }).fetchBytes(url, 10)).rejects.toMatchObject({
      code: 'unavailable',
    });
    await vi.advanceTimersByTimeAsync(1_001);
    await failed;
  });

  it('gives up on a server that drips: slow retrieval', async () => {
    const http = new Http(dripping(500), { idle: 1_000, total: 10_000, minimumRate: 1000 });
    const failed = expect(http.fetchBytes(url, 1000)).rejects.toMatchObject({
      code: 'unavailable',
      message: containing('did not finish within 11 s'),
    });
    await vi.advanceTimersByTimeAsync(12_000);
    await failed;
  });

  it.each([Infinity, 2 ** 31, undefined])('of %s wait for a server that takes its time', async (limit) => {
    const slow: Fetch = () => new Promise((resolve) => setTimeout(() => resolve(new Response('x')), 20_000));
    // As programs that are not type-checked give it.
    const limits = { idle: limit, total: limit } as { idle: number; total: number };
    const read = new Http(slow, limits).fetchBytes(url, 10);
    await vi.advanceTimersByTimeAsync(20_001);
    expect(await read).toEqual(text('x'));
  });

  it.each(['idle', 'total', 'minimumRate'])('%s that are no numbers above 0 are refused at once', (name) => {
    for (const limit of [0, -1, NaN, null, '5'])
      expect(() => new Http(answering('x'), { [name]: limit })).toThrow(
        expect.objectContaining({ code: 'usage', message: containing(`http.${name} is ${limit}`) }) as Error,
      );
  });

  it('leaves no timer behind', async () => {
    await new Http(answering('x')).fetchBytes(url, 10);
    await new Http(answering('x', { status: 500 })).fetchBytes(url, 10).catch(() => undefined);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('over a real connection', () => {
  it('keeps connections for several files, missing ones included', async () => {
    let connections = 0;
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/none' ? 404 : 200).end('body');
    }).on('connection', () => (connections += 1));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const connection = connect();
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const http = new Http(connection.fetch);
    for (let round = 0; round < 5; round += 1) {
      expect(await http.fetchBytes(`${base}/none`, 100)).toBeUndefined();
      expect(await http.fetchBytes(`${base}/a`, 100)).toEqual(text('body'));
    }
    // The second request may find the first one's connection not yet handed back.
    expect(connections).toBeLessThanOrEqual(2);
    await connection.close();
    server.close();
  });
});
