import { mkdtemp, rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, vi } from 'vitest';
import {
  ANYBODY,
  createApp,
  DEFAULT_HTTP_LIMITS,
  listen,
  OFFER_ALL,
  OPEN_ACCESS,
  type Listening,
} from '@countersign/server';
import { repeat } from '../../packages/server/src/jobs.js';
import { makeCa, type Issued } from '../support/certificates.js';
import { collectingLog, type Line } from './support/http-server.js';
import { MemoryCollections } from './support/memory-collections.js';

const connections = { headers: 1_000, request: 5_000, connections: 10 };

function start(
  options: Pick<Parameters<typeof listen>[1], 'https' | 'http'>,
  collections = new MemoryCollections(),
): Promise<Listening> {
  const log = collectingLog([]);
  return listen(
    createApp({
      collections,
      limits: DEFAULT_HTTP_LIMITS,
      offer: OFFER_ALL,
      meter: undefined,
      access: OPEN_ACCESS,
      authorizer: ANYBODY,
      log,
    }),
    {
      ...options,
      connections,
      log,
    },
  );
}

function portOf(listening: Listening): number {
  return Number(new URL(listening.urls[0] ?? '').port);
}

function servedSerial(port: number, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', ca }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

describe('listening', () => {
  it('serves HTTPS, and takes up a new certificate without a restart', async () => {
    const ca = await makeCa();
    const directory = await mkdtemp(join(tmpdir(), 'app-'));
    const tls = { certificate: join(directory, 's.crt'), key: join(directory, 's.key') };
    const put = async (file: string, content: string): Promise<void> => {
      await writeFile(`${file}.new`, content);
      await rename(`${file}.new`, file);
    };
    const install = async (issued: Issued): Promise<void> => {
      await put(tls.key, issued.key);
      await put(tls.certificate, issued.certificate);
    };
    await install(await ca.issue({ cn: 'one', use: 'server' }));
    const listening = await start({ https: { host: '127.0.0.1', port: 0, tls }, http: { host: '127.0.0.1', port: 0 } });
    expect(listening.urls.map((url) => new URL(url).protocol)).toEqual(['https:', 'http:']);
    const first = await servedSerial(portOf(listening), ca.certificate);
    await install(await ca.issue({ cn: 'two', use: 'server' }));
    await vi.waitUntil(async () => (await servedSerial(portOf(listening), ca.certificate)) !== first, {
      timeout: 15_000,
      interval: 200,
    });
    await listening.close(0);
  });

  it('on a port that is taken fails, and leaves nothing open', async () => {
    const taken = await start({ https: undefined, http: { host: '127.0.0.1', port: 0 } });
    await expect(start({ https: undefined, http: { host: '127.0.0.1', port: portOf(taken) } })).rejects.toMatchObject({
      code: 'usage',
    });
    await taken.close(0);
  });
});

describe('stopping', () => {
  it('lets a request in flight finish', async () => {
    const collections = new MemoryCollections();
    let finish = (): void => undefined;
    const asked = new Promise<void>((arrived) => {
      collections.health = async () => {
        arrived();
        await new Promise<void>((resolve) => (finish = resolve));
        return { store: 'ok', signer: 'ok', signedUntil: undefined };
      };
    });
    const listening = await start({ https: undefined, http: { host: '127.0.0.1', port: 0 } }, collections);
    const answer = fetch(`${listening.urls[0] ?? ''}/health`);
    await asked;
    const closed = listening.close(10_000);
    finish();
    expect((await answer).status).toBe(200);
    await closed;
  });

  it('cuts a request that does not end in time, and a connection that only waits', async () => {
    const listening = await start({ https: undefined, http: { host: '127.0.0.1', port: 0 } });
    const socket = connect(portOf(listening), '127.0.0.1');
    await new Promise<void>((resolve) => socket.write('POST /v2/a/_trust/tuf/ HTTP/1.1\r\n', () => resolve()));
    const ended = new Promise((resolve) => socket.on('close', resolve).on('error', () => undefined));
    await listening.close(100);
    await ended;
  });
});

describe('a repeated job', () => {
  it('never overlaps itself, outlives its failures, and stops', async () => {
    const lines: Line[] = [];
    let running = 0;
    let most = 0;
    let runs = 0;
    const run = async (): Promise<void> => {
      running += 1;
      runs += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 20));
      running -= 1;
      if (runs === 2) throw new Error('once');
    };
    const job = repeat({ name: 'renew', every: 5, run }, { log: collectingLog(lines), random: () => 0.5 });
    await vi.waitUntil(() => runs >= 4, { timeout: 5_000 });
    await job.stop();
    expect(running).toBe(0);
    const stopped = runs;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect([runs, most]).toEqual([stopped, 1]);
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
      { what: { job: 'renew' }, message: 'job failed' },
    ]);
  });
});

describe('a connection that its client ends', () => {
  const lines: Line[] = [];
  const app = createApp({
    collections: new MemoryCollections(),
    limits: DEFAULT_HTTP_LIMITS,
    offer: OFFER_ALL,
    meter: undefined,
    access: OPEN_ACCESS,
    authorizer: ANYBODY,
    log: collectingLog(lines),
  });

  it.each([
    ['ERR_STREAM_PREMATURE_CLOSE', 'debug'],
    ['ECONNRESET', 'debug'],
    ['EPIPE', 'debug'],
    ['HPE_INVALID_EOF_STATE', 'debug'],
    ['EIO', 'error'],
  ])('with %s is told at level %s', (code, level) => {
    lines.length = 0;
    app.emit('error', Object.assign(new Error('broke off'), { code }));
    expect(lines).toMatchObject([{ level }]);
  });
});
