import { connect, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { GrowingBytes } from '../../packages/server/src/http/growing-bytes.js';
import { readBody } from '../../packages/signer/src/body.js';
import { form, role } from './support/form.js';
import { codeOf, startTestServer, type TestServer } from './support/http-server.js';

const LIMITS = { part: 60_000, upload: 100_000, uploads: 100_000, bodyIdle: 5_000, uploadTime: 5_000 };

let server: TestServer;
const senders: Socket[] = [];
beforeAll(async () => {
  server = await startTestServer(LIMITS);
});
afterEach(() => {
  for (const sender of senders.splice(0)) sender.destroy();
});
afterAll(() => server.close());

const small = form(role('root'));
const large = form(role('root', 1, `,"x":"${'x'.repeat(55_000)}"`));

function head(base: string, headers: string): string {
  return `POST ${base} HTTP/1.1\r\nHost: x\r\nContent-Type: ${small.headers['Content-Type']}\r\n${headers}\r\n\r\n`;
}

/** Sends most of a large form, and stops. */
function hold(base: string, sent = large): Socket {
  const sender = connect(Number(new URL(server.url).port), '127.0.0.1');
  sender.on('error', () => undefined);
  senders.push(sender);
  sender.write(head(base, `Content-Length: ${sent.body.length}`));
  sender.write(sent.body.subarray(0, -10));
  return sender;
}

async function publish(base: string, sent = small): Promise<number> {
  return (await server.ask(base, { method: 'POST', ...sent })).status;
}

let probes = 0;
async function refuses(): Promise<boolean> {
  probes += 1;
  return (await publish(`/v2/probe-${probes}/_trust/tuf/`, large)) === 503;
}

/** Bytes this process holds after a collection. */
function held(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('a client that sends one byte a chunk', () => {
  const CHUNKS = 400_000;
  // What `node:http` hands out: a view of its own for each.
  const chunks = function* (): Generator<Uint8Array> {
    for (let sent = 0; sent < CHUNKS; sent += 1) yield new Uint8Array(Buffer.alloc(1, 97).buffer, 0, 1);
  };

  it('costs the server little more than its bytes', () => {
    const before = held();
    const bytes = new GrowingBytes(1_000_000);
    for (const chunk of chunks()) bytes.add(chunk);
    expect(held() - before).toBeLessThan(10 * CHUNKS);
    expect(bytes.whole()).toEqual(Buffer.alloc(CHUNKS, 97));
  });

  it('costs the signer no more either', async () => {
    const before = held();
    let most = Infinity;
    const sent = function* (): Generator<Uint8Array> {
      yield* chunks();
      most = held() - before;
    };
    const bytes = await readBody(Object.assign(sent(), { headers: {} }) as never, 1_000_000);
    expect(most).toBeLessThan(10 * CHUNKS);
    expect(bytes).toEqual(Buffer.alloc(CHUNKS, 97));
  });

  it('publishes what it sent', async () => {
    const body = [...small.body].map((byte) => `1\r\n${String.fromCharCode(byte)}\r\n`).join('');
    const sent = `${head('/v2/chunks/_trust/tuf/', 'Transfer-Encoding: chunked\r\nConnection: close')}${body}0\r\n\r\n`;
    expect(await server.raw(sent, 5_000)).toMatch(/^HTTP\/1\.1 200 /u);
    expect(server.collections.requests.at(-1)?.files[0]?.bytes).toEqual(Buffer.from(role('root').content));
  });
});

describe('clients that send many forms at once', () => {
  it('cannot take more memory than there is for all of them: the next is told to come back', async () => {
    hold('/v2/one/_trust/tuf/');
    await vi.waitUntil(refuses, { timeout: 5_000 });
    const refused = await server.ask('/v2/two/_trust/tuf/', { method: 'POST', ...large });
    expect([refused.status, codeOf(refused), refused.headers['retry-after']]).toEqual([503, 'unavailable', '5']);
    expect(await publish('/v2/two/_trust/tuf/')).toBe(200);
  });

  it('count together with imports: both are in the same memory', async () => {
    const sender = hold(
      '/v2/six/_trust/import',
      form({ ...role('1.root', 1, `,"x":"${'x'.repeat(55_000)}"`), name: 'history' }),
    );
    await vi.waitUntil(refuses, { timeout: 5_000 });
    sender.destroy();
    await vi.waitUntil(async () => !(await refuses()), { timeout: 5_000 });
  });

  it('give back what they took when they go away', async () => {
    const sender = hold('/v2/three/_trust/tuf/');
    await vi.waitUntil(refuses, { timeout: 5_000 });
    sender.destroy();
    await vi.waitUntil(async () => !(await refuses()), { timeout: 5_000 });
  });

  it('give back what they took when they are published or refused', async () => {
    for (let sent = 0; sent < 4; sent += 1) {
      expect(await publish(`/v2/five-${sent}/_trust/tuf/`, large)).toBe(200);
      expect(await publish(`/v2/five-${sent}/_trust/tuf/`, large)).toBe(409);
    }
  });
});

it('a client that trickles a form is cut off though it never pauses', async () => {
  const slow = await startTestServer({ ...LIMITS, uploadTime: 300 });
  const sender = connect(Number(new URL(slow.url).port), '127.0.0.1');
  const answer = new Promise<string>((resolve) => sender.once('data', (data) => resolve(data.toString())));
  sender.write(head('/v2/slow/_trust/tuf/', `Content-Length: ${large.body.length}`));
  let sent = 0;
  const trickle = setInterval(() => sender.write(large.body.subarray(sent, ++sent)), 20);
  expect(await answer).toContain('bad-upload');
  clearInterval(trickle);
  sender.destroy();
  await slow.close();
});
