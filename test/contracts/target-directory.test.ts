import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openTargetFiles } from '../../packages/server/src/store/index.js';
import { after, NOW } from './commits.js';
import { targetFilesContract } from './target-files.js';
import { inDirectory } from './target-places.js';

describe('TargetFiles in a directory', () => {
  targetFilesContract(inDirectory);

  test('foreign files in the directory are neither served nor swept', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'countersign-targets-'));
    try {
      const files = await openTargetFiles({ kind: 'directory', directory }, () => NOW);
      await mkdir(join(directory, 'ab', 'cd'), { recursive: true });
      await writeFile(join(directory, 'ab', 'cd', 'notes.txt'), 'mine');
      for await (const batch of files.sweep(after(1_000_000))) expect(batch).toEqual([]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('a place that cannot be made is unavailable', async () => {
    const config = { kind: 'directory', directory: '/dev/null/targets' } as const;
    await expect(openTargetFiles(config, () => NOW)).rejects.toMatchObject({ code: 'unavailable' });
  });
});

const mayMount = process.platform === 'linux' && process.getuid?.() === 0;
const name = mayMount
  ? 'a full directory'
  : 'a full directory: skipped, mounting a small file system needs root on Linux';

describe.skipIf(!mayMount)(name, () => {
  test('a write that does not fit is storage-full and leaves nothing; smaller ones go on', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'countersign-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]);
    try {
      const files = await openTargetFiles({ kind: 'directory', directory }, () => NOW);
      async function* bytes(pieces: number): AsyncGenerator<Uint8Array> {
        for (let piece = 0; piece < pieces; piece += 1) yield new Uint8Array(64 * 1024);
      }
      await expect(files.write(bytes(100), 100 * 64 * 1024)).rejects.toMatchObject({ code: 'storage-full' });
      expect(await readdir(join(directory, 'incoming'))).toEqual([]);
      const { blob } = await files.write(bytes(4), 4 * 64 * 1024);
      let length = 0;
      for await (const part of await files.open(blob)) length += part.length;
      expect(length).toBe(4 * 64 * 1024);
    } finally {
      execFileSync('umount', [directory]);
      await rm(directory, { recursive: true });
    }
  });
});
