import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createRawServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { containing } from '../simulator/matchers.js';
import type { FetchInit, FetchResponse } from '../../packages/client/src/http/fetch.js';
import { Http } from '../../packages/client/src/http/http.js';
import { connect, type Connection } from '../../packages/client/src/node/connect.js';

let connection: Connection;
let cleanUp: (() => unknown)[];
beforeEach(() => {
  connection = connect();
  cleanUp = [() => connection.close()];
});
afterEach(async () => {
  for (const step of cleanUp) await step();
});

async function listening(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket.on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

type Answer = (...of: Parameters<RequestListener>) => void | Promise<void>;

const serve = (answer: Answer): Promise<string> =>
  listening(createServer((request, response) => void answer(request, response)));

async function bodyText(of: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of of) text += String(chunk);
  return text;
}

async function read({ body }: FetchResponse): Promise<string> {
  const reader = body!.getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += new TextDecoder().decode(value);
  }
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** Chunks without end, counted. */
function endless(): { readonly body: ReadableStream<Uint8Array>; sent: number; readonly cancelled: Promise<void> } {
  let onCancel = (): void => undefined;
  const cancelled = new Promise<void>((resolve) => (onCancel = resolve));
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      source.sent += 65_536;
      controller.enqueue(new Uint8Array(65_536));
    },
    cancel: () => onCancel(),
  });
  const source = { body, sent: 0, cancelled };
  return source;
}

describe('a request', () => {
  it('brings its method, headers and bytes, with their length, and asks for no encoding', async () => {
    const url = await serve(async (request, response) => {
      const { method, headers } = request;
      response.end(JSON.stringify({ method, headers, text: await bodyText(request) }));
    });
    const init: FetchInit = { method: 'POST', headers: { 'Content-Type': 'x/y' }, body: bytes('hello') };
    const told = JSON.parse(await read(await connection.fetch(url, init))) as Record<string, never>;
    expect(told).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'x/y', 'content-length': '5' },
      text: 'hello',
    });
    expect(told['headers']).not.toHaveProperty('accept-encoding');
  });

  it('brings a stream, to its end', async () => {
    const url = await serve(async (request, response) => void response.end(await bodyText(request)));
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const part of ['a', 'b', 'c']) controller.enqueue(bytes(part));
        controller.close();
      },
    });
    expect(await read(await connection.fetch(url, { method: 'PUT', body, duplex: 'half' }))).toBe('abc');
  });

  it('takes of a stream no more than the connection does', async () => {
    const socket = new Promise<Socket>((resolve) => {
      void listening(createRawServer((accepted) => resolve(accepted.pause()))).then((url) => {
        connection.fetch(url, { method: 'PUT', body: source.body, duplex: 'half' }).catch(() => undefined);
      });
    });
    const source = endless();
    await socket;
    let seen = -1;
    while (seen !== source.sent) {
      seen = source.sent;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(seen).toBeLessThan(32 * 1024 * 1024); // what the kernel holds for both ends
  });

  it('whose stream fails, fails with that, and the server sees it broken off', async () => {
    const broken = new Error('the file has changed');
    let aborted: Promise<unknown> | undefined;
    const url = await serve((request) => {
      request.on('error', () => undefined).resume();
      aborted = new Promise((resolve) => request.on('close', resolve));
    });
    let pulls = 0;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (pulls++ === 0) {
          controller.enqueue(bytes('a'));
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
        throw broken;
      },
    });
    await expect(connection.fetch(url, { method: 'PUT', body, duplex: 'half' })).rejects.toBe(broken);
    await aborted;
  });

  it('to a server that accepts and says nothing more fails in time', async () => {
    const url = await listening(createRawServer());
    const impatient = connect({ connectTimeout: 50 });
    await expect(impatient.fetch(url.replace('http:', 'https:'))).rejects.toMatchObject({
      code: 'unavailable',
      message: containing('does not answer in time'),
    });
    await impatient.close();
  });
});

describe('an answer', () => {
  it('endless wait: that switches to another protocol is a dropped connection', async () => {
    const url = await listening(
      createRawServer((socket) => {
        socket.once('data', () =>
          socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n'),
        );
      }),
    );
    await expect(connection.fetch(url)).rejects.toMatchObject({
      code: 'unavailable',
      message: containing('dropped the connection'),
    });
  });

  it('has its headers whatever their case, and the address it came from', async () => {
    const url = await serve((_request, response) => void response.setHeader('X-Some', 'thing').end());
    const response = await connection.fetch(`${url}a`);
    expect(response.headers.get('x-sOME')).toBe('thing');
    expect(response.headers.get('x-other')).toBeNull();
    expect(response).toMatchObject({ status: 200, url: `${url}a` });
    expect(await read(response)).toBe('');
  });

  it.each(['HEAD', 'GET'])('to %s without a body leaves the connection for the next request', async (method) => {
    let connections = 0;
    const head = { status: method === 'GET' ? 204 : 200, headers: method === 'GET' ? {} : { 'content-length': '5' } };
    const server = createServer((_request, response) => void response.writeHead(head.status, head.headers).end());
    const url = await listening(server.on('connection', () => (connections += 1)));
    for (let i = 0; i < 3; i += 1) {
      expect((await connection.fetch(url, { method })).body).toBeNull();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(connections).toBe(1);
  });

  it('that is not read any more ends with its connection', async () => {
    let closed: Promise<unknown> | undefined;
    const url = await serve((_request, response) => {
      closed = once(response, 'close');
      const more = (): void => {
        if (!response.destroyed) response.write(Buffer.alloc(65_536), more);
      };
      more();
    });
    const reader = (await connection.fetch(url)).body!.getReader();
    expect((await reader.read()).value!.length).toBeGreaterThan(0);
    await reader.cancel();
    await closed;
  });

  it('that breaks off is an error, not a short file', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '10' }).write('five.', () => response.destroy());
    });
    await expect(new Http(connection.fetch).fetchBytes(`${url}x`, 100)).rejects.toMatchObject({
      code: 'network',
      message: containing('the connection broke off'),
    });
  });

  it('encoded though nobody asked is refused, so that a small one cannot unpack into an endless one', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(10_000_000)));
    });
    await expect(new Http(connection.fetch).fetchBytes(`${url}x`, 100_000)).rejects.toMatchObject({
      code: 'network',
      message: containing('encoded as gzip'),
      next: containing('as they are'),
    });
  });
});

describe('an answer before the upload has ended', () => {
  const bodies: [string, () => Pick<FetchInit, 'body' | 'duplex'>][] = [
    ['a stream', () => ({ body: endless().body, duplex: 'half' })],
    ['bytes', () => ({ body: new Uint8Array(20_000_000) })],
  ];

  it.each(bodies)('to %s is what the caller is told, though the server reads no more of it', async (_what, body) => {
    const url = await listening(
      createRawServer((socket) => {
        socket.once('data', () => {
          socket.pause();
          socket.end('HTTP/1.1 413 Too Large\r\ncontent-length: 8\r\nconnection: close\r\n\r\ntoo much');
          setTimeout(() => socket.destroy(), 20); // with a reset, since there is more to read
        });
      }),
    );
    for (let i = 0; i < 10; i += 1) {
      const response = await connection.fetch(url, { method: 'PUT', ...body() });
      expect([response.status, await read(response)]).toEqual([413, 'too much']);
    }
  });

  it('lets the stream go', async () => {
    const url = await serve((_request, response) => void response.writeHead(401).end('who are you?'));
    const source = endless();
    const response = await connection.fetch(url, { method: 'PUT', body: source.body, duplex: 'half' });
    expect([response.status, await read(response)]).toEqual([401, 'who are you?']);
    await source.cancelled;
  });
});

describe('an abort', () => {
  const reason = new Error('changed my mind');

  it('before the request is the answer', async () => {
    await expect(connection.fetch('http://127.0.0.1:1/', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('while waiting ends the request', async () => {
    const stop = new AbortController();
    let closed: Promise<unknown> | undefined;
    const url = await serve((request) => {
      closed = once(request.socket, 'close');
      stop.abort(reason);
    });
    await expect(connection.fetch(url, { signal: stop.signal })).rejects.toBe(reason);
    await closed;
  });

  it('while reading ends the body', async () => {
    const stop = new AbortController();
    const url = await serve((_request, response) => void response.write('some'));
    const reader = (await connection.fetch(url, { signal: stop.signal })).body!.getReader();
    await reader.read();
    const next = reader.read();
    stop.abort(reason);
    await expect(next).rejects.toBe(reason);
  });

  it('before the body is read is not lost', async () => {
    const stop = new AbortController();
    const url = await serve((_request, response) => void response.write('some'));
    const response = await connection.fetch(url, { signal: stop.signal });
    stop.abort(reason);
    await expect(read(response)).rejects.toBe(reason);
  });
});

describe('a redirect', () => {
  const seen: (string | undefined)[] = [];
  const target: RequestListener = (request, response) => {
    seen.push(request.headers.authorization);
    response.end('there');
  };
  const to = (location: string): RequestListener => {
    return (request, response) => {
      if (request.url === '/there') target(request, response);
      else response.writeHead(302, { location }).end();
    };
  };
  const headers = { Authorization: 'Bearer x' };
  beforeEach(() => void seen.splice(0));

  it('is followed by a read, which says where it ended', async () => {
    const url = await serve(to('/there'));
    const response = await connection.fetch(url, { redirect: 'follow', headers });
    expect([response.url, await read(response)]).toEqual([`${url}there`, 'there']);
    expect(seen).toEqual(['Bearer x']);
  });

  it('takes no login to another origin', async () => {
    const url = await serve(to(await serve(target)));
    expect(await read(await connection.fetch(url, { redirect: 'follow', headers }))).toBe('there');
    expect(seen).toEqual([undefined]);
  });

  it.each<[string, string, FetchInit]>([
    ['where none is wanted', '/there', { redirect: 'error' }],
    ['of an upload', '/there', { method: 'PUT', body: bytes('x'), redirect: 'follow' }],
    ['in circles', '/', { redirect: 'follow' }],
    ['to another scheme', 'ftp://127.0.0.1/there', { redirect: 'follow' }],
    ['to a file', 'file:///there', { redirect: 'follow' }],
  ])('%s is refused', async (_what, location, init) => {
    const url = await serve(to(location));
    await expect(connection.fetch(url, init)).rejects.toMatchObject({
      code: 'network',
      message: containing('redirects'),
    });
    expect(seen).toEqual([]);
  });
});

describe('a connection the server has closed meanwhile', () => {
  /** Answers the first request of each connection and drops it at the second. */
  const dropping = (): Promise<string> => {
    const served = new WeakSet<Socket>();
    return serve((request, response) => {
      if (served.has(request.socket)) request.socket.resetAndDestroy();
      else response.end('ok');
      served.add(request.socket);
    });
  };

  async function twice(init: FetchInit): Promise<string> {
    const url = await dropping();
    await read(await connection.fetch(url));
    await new Promise((resolve) => setImmediate(resolve));
    return read(await connection.fetch(url, init));
  }

  it('is not the failure of a read', async () => {
    expect(await twice({})).toBe('ok');
  });

  it('is that of what must not be done twice', async () => {
    await expect(twice({ method: 'POST', body: bytes('x') })).rejects.toMatchObject({
      code: 'unavailable',
      message: containing('dropped the connection'),
    });
  });
});
