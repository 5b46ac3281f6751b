import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  openTargetFiles,
  type OpenTargetFiles,
  type TargetFilesConfig,
} from '../../packages/server/src/store/index.js';
import type { TestEngine } from './database.js';
import type { TestTargetFiles } from './target-files.js';

/** Target files in a temporary directory. */
export async function inDirectory(): Promise<TestTargetFiles> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-targets-'));
  return place({ kind: 'directory', directory }, () => rm(directory, { recursive: true }));
}

/** Target files in rows of a database of their own. */
export async function inRows(engine: TestEngine): Promise<TestTargetFiles> {
  const database = await engine.create();
  return place({ kind: 'database', database: database.config }, () => database.remove());
}

function place(config: TargetFilesConfig, remove: () => Promise<void>): TestTargetFiles {
  const opened: OpenTargetFiles[] = [];
  return {
    async open(clock) {
      const files = await openTargetFiles(config, clock);
      opened.push(files);
      return files;
    },
    async remove() {
      await Promise.all(opened.map((files) => files.close()));
      await remove();
    },
  };
}
