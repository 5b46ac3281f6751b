import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openTargetFiles, type OpenTargetFiles } from '../../packages/server/src/store/index.js';
import { fullDisk, type FullAt } from '../support/full-disk.js';
import { onSmallDisk, SMALL_DISK } from '../support/small-disk.js';
import { after, NOW } from './commits.js';

vi.mock('node:fs/promises', async (importOriginal) => {
  const { faulty } = await import('../support/full-disk.js');
  return faulty(await importOriginal());
});

const PIECE = 64 * 1024;

async function* bytes(pieces: number): AsyncGenerator<Uint8Array> {
  for (let piece = 0; piece < pieces; piece += 1) yield new Uint8Array(PIECE);
}

async function length(files: OpenTargetFiles, blob: string): Promise<number> {
  let length = 0;
  for await (const part of await files.open(blob)) length += part.length;
  return length;
}

describe('a directory on a disk that says it is full', () => {
  let directory: string;
  let files: OpenTargetFiles;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'countersign-full-'));
    files = await openTargetFiles({ kind: 'directory', directory }, () => NOW);
  });
  afterEach(async () => {
    fullDisk.makeRoom();
    await rm(directory, { recursive: true });
  });

  const places: readonly FullAt[] = ['open', 'write', 'sync', 'mkdir', 'rename'];
  test.each(places)(
    'at %s: the write is storage-full and leaves nothing; when there is room, it goes on',
    async (at) => {
      fullDisk.fill(directory, at);
      await expect(files.write(bytes(4), 4 * PIECE)).rejects.toMatchObject({ code: 'storage-full' });
      expect(fullDisk.struck).toBeGreaterThan(0);
      expect(await readdir(join(directory, 'incoming'))).toEqual([]);
      for await (const batch of files.sweep(after(1_000))) expect(batch).toEqual([]);
      fullDisk.makeRoom();
      const { blob } = await files.write(bytes(4), 4 * PIECE);
      expect(await length(files, blob)).toBe(4 * PIECE);
    },
  );

  test.each<FullAt>(['write', 'sync'])('at %s: what was stored before is served', async (at) => {
    const { blob } = await files.write(bytes(2), 2 * PIECE);
    fullDisk.fill(directory, at);
    await expect(files.write(bytes(1), PIECE)).rejects.toMatchObject({ code: 'storage-full' });
    expect(await length(files, blob)).toBe(2 * PIECE);
    await files.remove(blob);
    await expect(files.open(blob)).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe.skipIf(SMALL_DISK.missing)(`a directory on a small file system${SMALL_DISK.skipped}`, () => {
  test('a write that does not fit is storage-full and leaves nothing; smaller ones go on', () =>
    onSmallDisk(async (directory) => {
      const files = await openTargetFiles({ kind: 'directory', directory }, () => NOW);
      await expect(files.write(bytes(100), 100 * PIECE)).rejects.toMatchObject({ code: 'storage-full' });
      expect(await readdir(join(directory, 'incoming'))).toEqual([]);
      const { blob } = await files.write(bytes(4), 4 * PIECE);
      expect(await length(files, blob)).toBe(4 * PIECE);
    }));
});
