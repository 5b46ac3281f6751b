import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Publisher } from '../support/publisher.js';
import { readAll } from '../support/readers.js';
import { expectCode } from '../support/refused.js';
import { World } from '../support/world.js';

const PAGE = 4096;
const JOBS = { jobs: { renew: 1_000_000, collect: 1_000_000 } };

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
    const world = await World.start({ server: JOBS });
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

const mayMount = process.platform === 'linux' && process.getuid?.() === 0;
const name = mayMount
  ? 'a full target directory'
  : 'a full target directory: skipped, mounting a small file system needs root on Linux';

describe.skipIf(!mayMount)(name, () => {
  it('refuses the upload with storage-full and the publish that counts on it; what fits still goes through', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'countersign-full-targets-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]);
    const world = await World.start({ server: { ...JOBS, targetFiles: { directory } } });
    try {
      const publisher = await Publisher.begin(world, 'example.com/full-directory', { 'a.txt': 'a' });
      const before = await readAll(publisher);
      const big = 'b'.repeat(2 * 1024 * 1024);
      expectCode(await publisher.upload('big.txt', big), 'storage-full');
      const targets = publisher.next();
      publisher.list(targets, 'big.txt', big);
      expectCode(await publisher.post(publisher.signAll({ targets }), { targets: 'hosted' }), 'missing-target');
      expect(await readAll(publisher)).toEqual(before);

      const fits = publisher.next();
      await publisher.host(fits, 'fits.txt', 'fits');
      await publisher.publish({ targets: fits }, { targets: 'hosted' });
      expect((await readAll(publisher)).contents).toEqual({ 'a.txt': 'a', 'fits.txt': 'fits' });
    } finally {
      await world.stop();
      execFileSync('umount', [directory]);
      await rm(directory, { recursive: true });
    }
  });
});
