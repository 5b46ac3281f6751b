import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
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
