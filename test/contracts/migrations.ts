import { expect, test } from 'vitest';
import { migrate, migrationStatus, openStore, type DatabaseConfig } from '../../packages/server/src/store/index.js';
import { TIMESTAMP } from '@countersign/client/tuf';
import { firstPublish, gun, newFile } from './commits.js';
import { query } from './sqlite-database.js';
import { run } from '../support/postgres.js';

/** Migrating an empty database, on one engine. */
export function migrationContract(
  create: () => Promise<{ readonly config: DatabaseConfig; readonly remove: () => Promise<void> }>,
): void {
  async function withEmpty(body: (config: DatabaseConfig) => Promise<void>): Promise<void> {
    const { config, remove } = await create();
    try {
      await body(config);
    } finally {
      await remove();
    }
  }

  const execute = async (config: DatabaseConfig, sql: string): Promise<unknown> =>
    config.client === 'sqlite' ? query(config.file, sql) : run(config.url, sql);

  test('from nothing to everything; again is no change', () =>
    withEmpty(async (config) => {
      const before = await migrationStatus(config);
      expect(before.done).toEqual([]);
      expect(before.pending[0]).toBe('0001_collections.js');
      expect(await migrate(config)).toEqual({ done: before.pending, pending: [] });
      expect(await migrate(config)).toEqual({ done: before.pending, pending: [] });
    }));

  test('a database in use before a migration comes out as if it had always been so', () =>
    withEmpty(async (config) => {
      await migrate(config);
      const store = await openStore(config);
      try {
        await store.commit(firstPublish(gun('example.com/app')));
        // As it was before: without the column, its index and their entry.
        await execute(config, 'DROP INDEX collections_timestamp_expires');
        await execute(config, 'ALTER TABLE collections DROP COLUMN timestamp_expires');
        await execute(config, `DELETE FROM migrations WHERE name = '0003_timestamp_expiry.js'`);
      } finally {
        await store.close();
      }
      await migrate(config);
      const again = await openStore(config);
      expect(await again.earliestExpiry()).toBe(newFile(TIMESTAMP, 1).expires);
      await again.close();
    }));

  test('several processes at once: all succeed', () =>
    withEmpty(async (config) => {
      const results = await Promise.all([migrate(config), migrate(config), migrate(config)]);
      for (const { pending } of results) expect(pending).toEqual([]);
    }));

  test('two lock rows, as processes that began at once have left them, do not keep the database locked', () =>
    withEmpty(async (config) => {
      await execute(config, 'CREATE TABLE migrations_lock ("index" integer PRIMARY KEY, is_locked integer)');
      await execute(config, 'INSERT INTO migrations_lock ("index", is_locked) VALUES (2, 0), (3, 0)');
      expect((await migrate(config)).pending).toEqual([]);
    }));

  test('a database that was not migrated does not open, and the error says what to run', () =>
    withEmpty(async (config) => {
      await expect(openStore(config)).rejects.toMatchObject({ code: 'usage', next: 'Run: countersign-server migrate' });
    }));

  test('a database of a newer version is refused by name, and nothing in it is changed', () =>
    withEmpty(async (config) => {
      await migrate(config);
      await execute(config, `INSERT INTO migrations (name, batch) VALUES ('9999_future.js', 2)`);
      for (const refused of [migrate, migrationStatus, openStore]) {
        await expect(refused(config)).rejects.toMatchObject({
          code: 'unsupported',
          message: expect.stringContaining('9999_future.js') as string,
        });
      }
    }));
}
