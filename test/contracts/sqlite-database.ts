import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { migrate } from '../../packages/server/src/store/index.js';
import { testDatabase, type TestEngine } from './database.js';

/** SQLite, each database in a temporary directory of its own. */
export const sqlite: TestEngine = {
  async create() {
    const directory = await mkdtemp(join(tmpdir(), 'countersign-store-'));
    const config = { client: 'sqlite', file: join(directory, 'server.db') } as const;
    await migrate(config);
    return testDatabase(config, {
      query: (sql) => Promise.resolve(query(config.file, sql)),
      remove: () => rm(directory, { recursive: true }),
    });
  },
};

/** One statement on a connection of its own. */
export function query(file: string, sql: string): readonly Record<string, unknown>[] {
  const connection = new Database(file);
  try {
    const statement = connection.prepare(sql);
    if (statement.reader) return statement.all() as Record<string, unknown>[];
    statement.run();
    return [];
  } finally {
    connection.close();
  }
}
