import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { DirectoryCache } from '../../packages/client/src/node/directory-cache.js';
import { ROOT, TIMESTAMP } from '../../packages/client/src/tuf/names.js';
import { clientOf, OpenCache } from '../simulator/client.js';
import { corrupt } from '../simulator/hostile.js';
import { newKey } from '../simulator/keys.js';
import { RepositorySimulator } from '../simulator/repository.js';

let sim: RepositorySimulator;
let cache: OpenCache;

beforeEach(async () => {
  sim = new RepositorySimulator();
  cache = new OpenCache();
  sim.delegate('targets', 'delegated', { paths: ['d/*'] });
  sim.publish('delegated', 'targets');
  await update();
  cache.saves.length = 0;
});

async function update(): Promise<unknown> {
  const updater = clientOf(sim, { cache });
  try {
    await updater.refresh();
    await updater.find('d/file');
    return 'accepted';
  } catch (error) {
    return (error as { code?: string }).code ?? error;
  }
}

/** What an update after `attack` saves, when everything on the server is one version newer. */
async function savedAfter(attack: () => void): Promise<string[]> {
  sim.publishRoot();
  sim.publish('delegated', 'targets');
  attack();
  await update();
  return cache.saves;
}

describe('what is saved when', () => {
  it('everything good: in the order it became trusted', async () => {
    expect(await savedAfter(() => undefined)).toEqual(['root', 'timestamp', 'snapshot', 'targets', 'delegated']);
  });

  it.each(['root', 'timestamp', 'snapshot', 'targets', 'delegated'])('%s bad: what came before it', async (role) => {
    const order = ['root', 'timestamp', 'snapshot', 'targets', 'delegated'];
    expect(await savedAfter(() => corrupt.stranger(sim, sim.nameOf(role)))).toEqual(
      order.slice(0, order.indexOf(role)),
    );
  });

  it.each(['timestamp', 'snapshot', 'targets', 'delegated'])('%s missing: what came before it', async (role) => {
    const order = ['root', 'timestamp', 'snapshot', 'targets', 'delegated'];
    expect(await savedAfter(() => corrupt.missing(sim, sim.nameOf(role)))).toEqual(order.slice(0, order.indexOf(role)));
  });

  it('the same timestamp again: nothing, and nothing but root and timestamp is asked for', async () => {
    const before = await cache.text('timestamp');
    sim.requests.length = 0;
    expect(await update()).toBe('accepted');
    expect(cache.saves).toEqual([]);
    expect(await cache.text('timestamp')).toBe(before);
    expect(sim.requests).toEqual(['2.root.json', 'timestamp.json']);
  });

  it('another timestamp of the same version: the old bytes stay, its snapshot is not followed', async () => {
    const before = await cache.text('timestamp');
    sim.timestamp.version -= 1;
    sim.publishSnapshot();
    expect(sim.timestamp.version).toBe(2);
    expect(await update()).toBe('accepted');
    expect(await cache.text('timestamp')).toBe(before);
    expect(cache.saves).toEqual([]);
  });

  it('the same timestamp, local snapshot and targets lost: they are fetched again', async () => {
    await cache.put('snapshot', '');
    await cache.put('targets', '{"signed"');
    expect(await update()).toBe('accepted');
    expect(cache.saves).toEqual(['snapshot', 'targets']);
  });

  it('a bad root after good ones: the good ones', async () => {
    sim.publishRoot();
    sim.publishRoot();
    corrupt.unsigned(sim, '3.root.json');
    expect(await update()).toBe('threshold');
    expect(cache.saves).toEqual(['root']);
    expect(await cache.version('root')).toBe(2);
  });

  it('exact bytes, white space and unknown members and all', async () => {
    Object.assign(sim.timestamp, { 'x-unknown': ['kept', 12345678901234567890n.toString()] });
    sim.publishTimestamp();
    await update();
    expect(await cache.text('timestamp')).toBe(Buffer.from(sim.file('timestamp.json')).toString());
  });
});

describe('a damaged cache', () => {
  it.each(['timestamp', 'snapshot', 'targets', 'delegated'])('%s damaged: taken as absent', async (role) => {
    for (const damage of [
      '',
      'garbage',
      '{"signed": {}, "signatures": []}',
      '\u0000',
      (await cache.text(role))!.slice(0, -9),
    ]) {
      await cache.put(role, damage);
      sim.publish('delegated', 'targets');
      expect(await update()).toBe('accepted');
    }
  });

  it.each(['', 'garbage', '{"signed": {}, "signatures": []}'])('root %j: fatal before any request', async (damage) => {
    await cache.put('root', damage);
    sim.requests.length = 0;
    expect(await update()).toBe('untrusted-root');
    expect(sim.requests).toEqual([]);
  });

  it('a local timestamp by a stranger is no floor', async () => {
    sim.timestamp.version = 1_000_000;
    await cache.put('timestamp', sim.sign(sim.timestamp, [newKey()]));
    sim.timestamp.version = 5;
    sim.publishTimestamp();
    expect(await update()).toBe('accepted');
    expect(await cache.version('timestamp')).toBe(6);
  });

  it('a failed update leaves a client that can update later', async () => {
    sim.publish('targets');
    const good = sim.file(sim.nameOf('targets'));
    corrupt.byte(sim, sim.nameOf('targets'));
    expect(await update()).toBe('threshold');
    sim.files.set(sim.nameOf('targets'), good);
    expect(await update()).toBe('accepted');
  });
});

describe('a cache in a directory', () => {
  it('serves the next process', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'countersign-persist-'));
    await clientOf(sim, { cache: new DirectoryCache(directory) }).refresh();
    sim.requests.length = 0;
    const next = new DirectoryCache(directory);
    await clientOf(sim, { cache: next }).refresh();
    expect(sim.requests).toEqual(['2.root.json', 'timestamp.json']);
    expect(Buffer.from((await next.load(ROOT))!)).toEqual(Buffer.from(sim.firstRoot));
    expect(Buffer.from((await next.load(TIMESTAMP))!)).toEqual(Buffer.from(sim.file('timestamp.json')));
    rmSync(directory, { recursive: true });
  });
});
