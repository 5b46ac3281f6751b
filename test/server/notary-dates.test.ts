import { expect, it } from 'vitest';
import { instant } from '@countersign/client/tuf';
import type { CopiedChange } from '../../packages/server/src/collection/index.js';
import { copyChangefeed } from '../../packages/server/src/notary/changefeed.js';
import { CollectionFiles } from '../../packages/server/src/notary/collection-files.js';
import type { NotaryChange, NotaryDatabase, NotaryFile } from '../../packages/server/src/notary/database.js';

const NOW = instant(1_000);
// What MySQL's driver makes of '0000-00-00 00:00:00'.
const NO_MOMENT = new Date(NaN);

it('a line of the changefeed with a zero date counts from now, and ends no run', async () => {
  const line: NotaryChange = {
    id: 1,
    gun: 'example.com/app',
    version: 1,
    sha256: 'ab',
    category: 'update',
    created_at: NO_MOMENT,
  };
  const copied: CopiedChange[] = [];
  const source = {
    async *changes() {
      yield await Promise.resolve([line]);
    },
  } as unknown as NotaryDatabase;
  const store = {
    changefeedCopies: {
      upTo: () => Promise.resolve(0),
      add: (_: string, changes: readonly CopiedChange[]) => Promise.resolve(void copied.push(...changes)),
    },
    head: () => Promise.resolve(undefined),
  };
  const tally = await copyChangefeed({ source, store, mode: 'write', now: NOW, report: () => undefined });
  expect(tally).toEqual({ lines: 1, faults: 0 });
  expect(copied.map(({ createdAt }) => createdAt)).toEqual([NOW]);
});

it('a file with a zero date is one whose date nobody knows', async () => {
  const row: NotaryFile = { id: 1, role: 'root', version: 1, length: 2, sha256: null, created_at: NO_MOMENT };
  const source = { bytes: () => Promise.resolve(Buffer.from('{}')) } as unknown as NotaryDatabase;
  expect(await new CollectionFiles(source, 'example.com/app', 10).file(row)).toEqual({
    role: 'root',
    bytes: Buffer.from('{}'),
  });
});
