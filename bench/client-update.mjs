import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Updater as StockUpdater } from 'tuf-js';
import { collectionUrls, Updater } from '@countersign/client';
import { DirectoryCache, nodeCrypto } from '@countersign/client/node';
import { BenchPublisher, someTargets } from './collection.mjs';
import { median, report } from './report.mjs';
import { startWorld } from './world.mjs';

// A client that refreshes a collection of 1,000 targets and looks one of them up: cold (only the root) and warm (nothing has
// changed), with a directory cache, in process, beside tuf-js on the same server, turn by turn.

const ROUNDS = 15;
const GUN = 'bench/client';
const PATH = 'packages/group-7/file-507.tgz';

async function ours(world, publisher, directory) {
  const updater = new Updater({
    urls: collectionUrls(world.http, GUN),
    fetch,
    crypto: nodeCrypto,
    now: Date.now,
    cache: new DirectoryCache(directory),
    firstTrust: { kind: 'file', raw: publisher.root },
  });
  await updater.refresh();
  if ((await updater.find(PATH)) === undefined) throw new Error('not found');
}

async function stock(world, publisher, directory) {
  mkdirSync(directory, { recursive: true });
  const base = `${world.http}/v2/${GUN}/_trust/`;
  try {
    writeFileSync(join(directory, 'root.json'), publisher.root, { flag: 'wx' });
  } catch {
    // warm: it is there
  }
  const updater = new StockUpdater({
    metadataDir: directory,
    metadataBaseUrl: `${base}tuf`,
    targetBaseUrl: `${base}targets`,
    targetDir: directory,
  });
  await updater.refresh();
  if ((await updater.getTargetInfo(PATH)) === undefined) throw new Error('not found');
}

async function time(run) {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

const world = await startWorld();
const scratch = mkdtempSync(join(tmpdir(), 'countersign-update-'));
try {
  const publisher = new BenchPublisher(world.http, GUN);
  await publisher.create(someTargets(1000, 'client'));
  const figures = { ours: { cold: [], warm: [] }, stock: { cold: [], warm: [] } };
  for (let round = -2; round < ROUNDS; round += 1) {
    for (const [name, client] of Object.entries({ ours, stock })) {
      const directory = join(scratch, `${name}-${round}`);
      const cold = await time(() => client(world, publisher, directory));
      const warm = await time(() => client(world, publisher, directory));
      if (round >= 0) {
        figures[name].cold.push(cold);
        figures[name].warm.push(warm);
      }
    }
  }
  const line = (kind) => {
    const [a, b] = [median(figures.ours[kind]), median(figures.stock[kind])];
    return `${kind}   countersign ${a.toFixed(1)} ms   tuf-js ${b.toFixed(1)} ms   ratio ${(b / a).toFixed(1)}`;
  };
  report('client-update', [
    `refresh and one look-up, 1,000 targets, median of ${ROUNDS} rounds after two to warm up`,
    line('cold'),
    line('warm'),
  ]);
} finally {
  await world.stop();
  rmSync(scratch, { recursive: true, force: true });
}
