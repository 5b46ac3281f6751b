import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Updater as StockUpdater } from 'tuf-js';
import { MemoryCache, rootChain, StateFiles, type FoundTarget } from '@countersign/client';
import { mirror, type MirrorOptions } from '@countersign/client/node';
import { parseGun } from '@countersign/client/tuf';
import { clientOf } from '../simulator/client.js';
import { newKey } from '../simulator/keys.js';
import { date, METADATA, RepositorySimulator } from '../simulator/repository.js';
import { serveFiles } from '../support/static-files.js';
import type { Served } from '../support/served-simulator.js';

const MONTH = 30 * 86_400_000;

let sim: RepositorySimulator;
let cache: MemoryCache;
let directory: string;
let there: Served;
let machines = 0;

beforeEach(async () => {
  sim = new RepositorySimulator();
  cache = new MemoryCache();
  // tuf-js has the clock of this machine.
  for (const doc of [sim.root, sim.timestamp, sim.snapshot, sim.targets]) doc.expires = date(Date.now() + MONTH);
  sim.publishRoot();
  sim.delegate('targets', 'team/lib', { paths: ['lib/*'] });
  sim.role('team/lib').expires = sim.targets.expires;
  sim.addTarget('a.txt', 'a 1');
  sim.addTarget('lib/b.txt', 'b 1', 'team/lib');
  sim.publish('targets', 'team/lib');
  directory = await mkdtemp(join(tmpdir(), 'countersign-mirror-'));
  there = await serveFiles(join(directory, 'www'));
});
afterEach(async () => {
  await there.close();
  await rm(directory, { recursive: true });
});

async function update(options: MirrorOptions = {}): Promise<void> {
  const updater = clientOf(sim, { cache, now: Date.now });
  const state = await updater.state();
  const files = new StateFiles(state);
  const targets: FoundTarget[] = [];
  for await (const target of files.targets()) targets.push(target);
  const source = { gun: parseGun('example.com/app'), urls: { metadata: METADATA }, fetch: sim.fetch, now: Date.now() };
  await mirror(join(directory, 'www'), updater, { roots: await rootChain(source, state), files, targets }, options);
}

/** A machine with tuf-js that has been given the first root. */
async function machine(): Promise<string> {
  const home = join(directory, `machine-${(machines += 1)}`);
  await mkdir(home);
  await writeFile(join(home, 'root.json'), sim.firstRoot);
  return home;
}

/** What tuf-js reads there of both targets, in a run of its own. */
async function read(home: string): Promise<readonly string[]> {
  const updater = new StockUpdater({
    metadataDir: home,
    metadataBaseUrl: `${there.url}metadata`,
    targetDir: home,
    targetBaseUrl: `${there.url}targets`,
    config: { fetchRetries: 0 },
  });
  await updater.refresh();
  return Promise.all(
    ['a.txt', 'lib/b.txt'].map(async (path) => {
      const info = await updater.getTargetInfo(path);
      if (info === undefined) throw new Error(`tuf-js finds no ${path}`);
      return readFile(await updater.downloadTarget(info, join(home, path.replaceAll('/', '_'))), 'utf8');
    }),
  );
}

/** New versions of everything, by new keys where clients can follow at any moment. */
function publishAnew(round: number): void {
  sim.setKeys('root', [newKey()]);
  sim.publishRoot();
  sim.addTarget('a.txt', `a ${round}`);
  sim.addTarget('lib/b.txt', `b ${round}`, 'team/lib');
  sim.publish('targets', 'team/lib');
}

describe('tuf-js on a plain web server', () => {
  it('reads a mirror from the first root on', async () => {
    await update();
    expect(await read(await machine())).toEqual(['a 1', 'b 1']);
  });

  it('reads one state or the other after every single file of an update, with and without a cache', async () => {
    await update();
    const old = await machine();
    await read(old);
    for (const round of [2, 3]) {
      publishAnew(round);
      const written: string[] = [];
      const seen = new Set<string>();
      await update({
        onWritten: async (file) => {
          written.push(file);
          for (const home of [old, await machine()]) seen.add((await read(home)).join());
        },
      });
      expect([...seen].sort()).toEqual([`a ${round - 1},b ${round - 1}`, `a ${round},b ${round}`]);
      expect(written.at(-1)).toBe('metadata/timestamp.json');
      expect(written.filter((file) => file.startsWith('targets/'))).toHaveLength(2);
      expect(written).toHaveLength(7);
    }
    expect(await read(old)).toEqual(['a 3', 'b 3']);
  });

  it('follows when timestamp and snapshot have new keys', async () => {
    await update();
    const old = await machine();
    await read(old);
    sim.setKeys('timestamp', [newKey()]);
    sim.setKeys('snapshot', [newKey()]);
    publishAnew(2);
    await update({ keep: 'current' });
    expect(await read(old)).toEqual(['a 2', 'b 2']);
    expect(await read(await machine())).toEqual(['a 2', 'b 2']);
  });
});
