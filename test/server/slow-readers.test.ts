import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { sha256 } from '../simulator/keys.js';
import { Publisher } from '../support/publisher.js';
import { World, type WorldOptions } from '../support/world.js';

/** More than the system takes of an answer before anybody reads it. */
const LONG = 24_000_000;

let world: World | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await world?.stop();
});

async function start(options: WorldOptions = {}): Promise<World> {
  world = await World.start(options);
  return world;
}

/** Asks for `path` and reads nothing; resolves once the server has begun to answer. */
async function ask({ url }: World, path: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await new Promise((begun) => socket.once('readable', begun));
  return socket;
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; !(await condition()); tries += 1) {
    if (tries === 200) throw new Error('it never came true');
    await delay(25);
  }
}

describe('metadata that readers ask for and do not read', () => {
  it('is held once for all of them, and all files together have a bound', async () => {
    const on = await start({
      server: {
        policy: { maxTargets: LONG + 100_000 },
        limits: { answers: 1.5 * LONG, upload: 2 * LONG, uploads: 2 * LONG },
      },
    });
    const publisher = await Publisher.begin(on, 'slow', { 'top.txt': 'top' });
    for (const version of [2, 3]) {
      const targets = publisher.next();
      targets.targets['long'] = {
        length: version,
        hashes: { sha256: sha256('x') },
        custom: 'x'.repeat(LONG),
      };
      await publisher.publish({ targets });
    }
    const path = (version: number): string => `/v2/slow/_trust/tuf/${version}.targets.json`;
    for (let n = 0; n < 10; n += 1) await ask(on, path(3));
    const refused = await fetch(on.url + path(2));
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    await refused.text();
    // What is small, or being sent anyway, is served meanwhile; and the other one when they are gone.
    expect(await publisher.read('timestamp.json')).toContain('snapshot.json');
    const current = publisher.sign('targets', publisher.current.get('targets')!);
    expect(String(await publisher.read('3.targets.json'))).toHaveLength(current.length);
    for (const socket of sockets) socket.destroy();
    await until(async () => typeof (await publisher.read('2.targets.json')) === 'string');
  });
});

describe('target files whose download breaks off', () => {
  const open = (): number =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).includes(`${world!.directory}/targets/`);
      } catch {
        return false;
      }
    }).length;

  it.skipIf(!existsSync('/proc/self/fd'))('are closed, whenever that is (needs /proc)', async () => {
    const on = await start();
    const publisher = await Publisher.begin(on, 'broken');
    const content = randomBytes(3_000_000);
    expect((await publisher.upload('f.bin', content)).status).toBe(201);
    const port = Number(new URL(on.url).port);
    const request = `GET /v2/broken/_trust/targets/${sha256(content)}.f.bin HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    for (let n = 0; n < 150; n += 1) {
      await new Promise<void>((done) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.write(request, () => {
            setTimeout(() => {
              socket.resetAndDestroy();
              done();
            }, n % 3);
          });
        });
        socket.on('error', () => done());
      });
    }
    await until(() => open() === 0);
  });
});

describe('target files that are uploaded at once', () => {
  const LIMIT = 1_000_000;

  it('find room for themselves together, not each', async () => {
    const on = await start({ server: { policy: { maxUnnamedBytes: LIMIT } } });
    const publisher = new Publisher(on, 'disk');
    const file = (fill: number): Buffer => Buffer.alloc(400_000, fill);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => publisher.upload('f', file(n))));
    const stored = answers.filter(({ status }) => status === 201).length;
    expect(stored).toBeLessThanOrEqual(2);
    for (const { status } of answers) expect([201, 413]).toContain(status);
    // Those that were refused take nothing with them.
    for (let n = stored; n < 2; n += 1) expect((await publisher.upload('f', file(100 + n))).status).toBe(201);
    expect((await publisher.upload('f', file(200))).status).toBe(413);
  });
});
