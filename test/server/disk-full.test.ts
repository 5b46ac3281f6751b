import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { NO_JOBS } from '../support/by-hand.js';
import { fullDisk, type FullAt } from '../support/full-disk.js';
import { Publisher } from '../support/publisher.js';
import { readAll } from '../support/readers.js';
import { expectCode } from '../support/refused.js';
import { onSmallDisk, SMALL_DISK } from '../support/small-disk.js';
import { World } from '../support/world.js';

const PAGE = 4096;
const nothing = (): void => undefined;

vi.mock('node:fs/promises', async (importOriginal) => {
  const { faulty } = await import('../support/full-disk.js');
  return faulty(await importOriginal());
});

/** Starts the server again with room for so many pages more than the database has now. */
async function restartWithRoom(world: World, pages: number): Promise<void> {
  await world.stopServer();
  const config = await world.serverConfig();
  if (config.database.client !== 'sqlite') throw new Error('SQLite only');
  const used = Math.ceil(statSync(config.database.file).size / PAGE);
  await world.startConfigured({ ...config, database: { ...config.database, maxPages: used + pages } });
}

describe('a full database (SQLITE_FULL)', () => {
  it('refuses a publish that does not fit with storage-full, keeps nothing of it, goes on serving, and takes it when there is room', async () => {
    const world = await World.start({ server: NO_JOBS });
    try {
      const publisher = await Publisher.begin(world, 'example.com/full', { 'a.txt': 'a' });
      await restartWithRoom(world, 60);
      const before = await readAll(publisher);
      const targets = publisher.next();
      for (let number = 0; number < 5_000; number += 1) publisher.list(targets, `many/${number}`, String(number));
      const files = publisher.signAll({ targets });
      expectCode(await publisher.post(files), 'storage-full');
      expect(await readAll(publisher)).toEqual(before);

      const small = publisher.next();
      await publisher.publish({ targets: { ...small, expires: publisher.days(80) } });
      expect((await readAll(publisher)).versions['targets']).toBe(2);

      await world.stopServer();
      await world.startServer();
      await publisher.publish({ targets: { ...targets, version: 3 } });
      expect((await publisher.read('3.targets.json')) as string).toContain('many/4999');
    } finally {
      await world.stop();
    }
  });
});

/** A publish whose target does not fit is refused, and changes nothing; what fits goes through once `room` is made. */
async function targetDirectory(directory: string, full: () => void, room: () => void): Promise<void> {
  const world = await World.start({ server: { ...NO_JOBS, targetFiles: { directory } } });
  try {
    const publisher = await Publisher.begin(world, 'example.com/full-directory', { 'a.txt': 'a' });
    const before = await readAll(publisher);
    const big = 'b'.repeat(2 * 1024 * 1024);
    full();
    expectCode(await publisher.upload('big.txt', big), 'storage-full');
    const targets = publisher.next();
    publisher.list(targets, 'big.txt', big);
    expectCode(await publisher.post(publisher.signAll({ targets }), { targets: 'hosted' }), 'missing-target');
    expect(await readAll(publisher)).toEqual(before);

    room();
    const fits = publisher.next();
    await publisher.host(fits, 'fits.txt', 'fits');
    await publisher.publish({ targets: fits }, { targets: 'hosted' });
    expect((await readAll(publisher)).contents).toEqual({ 'a.txt': 'a', 'fits.txt': 'fits' });
  } finally {
    fullDisk.makeRoom();
    await world.stop();
  }
}

const OUTCOME = 'refuses the upload with storage-full and the publish that counts on it; what fits still goes through';

describe('a full target directory', () => {
  it.each<FullAt>(['write', 'sync', 'rename'])(`at %s ${OUTCOME}`, async (at) => {
    const directory = await mkdtemp(join(tmpdir(), 'countersign-full-targets-'));
    try {
      await targetDirectory(
        directory,
        () => fullDisk.fill(directory, at),
        () => fullDisk.makeRoom(),
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe.skipIf(SMALL_DISK.missing)(`a small file system for target files${SMALL_DISK.skipped}`, () => {
  it(OUTCOME, () => onSmallDisk((directory) => targetDirectory(directory, nothing, nothing)));
});
