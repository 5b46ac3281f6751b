import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connect, pool, type SqliteConnection } from '../../packages/server/src/store/connect.js';
import { openStore, openTargetFiles, type SqliteConfig } from '../../packages/server/src/store/index.js';
import { firstPublish, gun, newFile, nextPublish, NOW, role } from './commits.js';
import type { TestDatabase } from './database.js';
import { migrationContract } from './migrations.js';
import { sqlite } from './sqlite-database.js';
import { storeContract } from './store.js';
import { targetFilesContract } from './target-files.js';
import { inRows } from './target-places.js';

const APP = gun('example.com/app');

describe('Store on SQLite', () => storeContract(sqlite));

describe('TargetFiles in SQLite', () => targetFilesContract(() => inRows(sqlite)));

describe('migrations on SQLite', () => {
  migrationContract(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'countersign-store-'));
    return {
      config: { client: 'sqlite', file: join(directory, 'server.db') },
      remove: () => rm(directory, { recursive: true }),
    };
  });
});

describe('SQLite on bad days', () => {
  let database: TestDatabase;
  let config: SqliteConfig;
  beforeEach(async () => {
    database = await sqlite.create();
    if (database.config.client !== 'sqlite') throw new Error('not SQLite');
    config = database.config;
  });
  afterEach(() => database.remove());

  const pages = async (): Promise<number> => Number((await database.query('PRAGMA page_count'))[0]!['page_count']);
  const bulky = (name: string, bytes: number) => ({ ...newFile(role(name), 1), bytes: new Uint8Array(bytes) });

  test('a full database refuses the commit as storage-full, keeps nothing of it, and works again when there is room', async () => {
    const store = await openStore({ ...config, maxPages: (await pages()) + 100 });
    try {
      await store.commit(firstPublish(APP));
      const head = (await store.head(APP))!.id;
      const big = nextPublish(APP, head, 2, { files: [...nextPublish(APP, head, 2).files, bulky('big', 1_000_000)] });
      await expect(store.commit(big)).rejects.toMatchObject({ code: 'storage-full' });
      expect((await store.head(APP))?.id).toBe(head);
      expect((await store.timestamp(APP))?.version).toBe(1);
      expect((await store.commit(nextPublish(APP, head, 2))).kind).toBe('committed');
    } finally {
      await store.close();
    }
  });

  test('of commits that share a transaction, the one that does not fit fails alone', async () => {
    const store = await openStore({ ...config, maxPages: (await pages()) + 100 });
    try {
      const guns = Array.from({ length: 9 }, (_, index) => gun(`example.com/${index}`));
      const results = await Promise.allSettled(
        guns.map((name, index) => {
          const commit = firstPublish(name);
          return store.commit(index === 4 ? { ...commit, files: [...commit.files, bulky('big', 1_000_000)] } : commit);
        }),
      );
      expect(results.map(({ status }) => status)).toEqual(
        guns.map((_, index) => (index === 4 ? 'rejected' : 'fulfilled')),
      );
      expect(results[4]).toMatchObject({ reason: { code: 'storage-full' } });
      for (const [index, name] of guns.entries()) expect((await store.head(name)) !== undefined).toBe(index !== 4);
    } finally {
      await store.close();
    }
  });

  test('a target file that does not fit is storage-full and leaves no bytes; the room is used again', async () => {
    const files = await openTargetFiles(
      { kind: 'database', database: { ...config, maxPages: (await pages()) + 400 } },
      () => NOW,
    );
    try {
      for (let round = 0; round < 3; round += 1) {
        async function* bytes(pieces: number): AsyncGenerator<Uint8Array> {
          for (let piece = 0; piece < pieces; piece += 1) yield new Uint8Array(100_000);
        }
        await expect(files.write(bytes(100), 1e9)).rejects.toMatchObject({ code: 'storage-full' });
        expect(await database.query('SELECT name FROM target_blobs')).toEqual([]);
        const { blob } = await files.write(bytes(8), 1e9);
        await files.remove(blob);
      }
    } finally {
      await files.close();
    }
  });

  test('while another process writes, commits wait without stopping this one, then go through', async () => {
    const store = await database.open();
    const other = new Database(config.file);
    try {
      other.exec('BEGIN IMMEDIATE');
      const commit = store.commit(firstPublish(APP));
      let reads = 0;
      const until = Date.now() + 150;
      while (Date.now() < until) {
        expect(await store.head(APP)).toBeUndefined();
        reads += 1;
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(reads).toBeGreaterThan(50);
      other.exec('ROLLBACK');
      expect((await commit).kind).toBe('committed');
    } finally {
      other.close();
    }
  });

  test('another process that never ends its transaction: unavailable after a bounded time, and works again afterwards', async () => {
    const store = await database.open();
    const other = new Database(config.file);
    try {
      other.exec('BEGIN IMMEDIATE');
      const both = await Promise.allSettled([
        store.commit(firstPublish(APP)),
        store.commit(firstPublish(gun('example.com/b'))),
      ]);
      for (const one of both) expect(one).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
      other.exec('ROLLBACK');
      expect((await store.commit(firstPublish(APP))).kind).toBe('committed');
    } finally {
      other.close();
    }
  });

  test('commits are durable one by one: a write-ahead log, synchronised in full', async () => {
    const database = connect(config, 'write');
    try {
      const connection = await pool<SqliteConnection>(database).acquireConnection();
      expect(connection.pragma('journal_mode')).toEqual([{ journal_mode: 'wal' }]);
      expect(connection.pragma('synchronous')).toEqual([{ synchronous: 2 }]); // FULL
      expect(connection.pragma('foreign_keys')).toEqual([{ foreign_keys: 1 }]);
      await pool<SqliteConnection>(database).releaseConnection(connection);
    } finally {
      await database.destroy();
    }
  });

  test('a directory that does not exist is unavailable', async () => {
    const nowhere = { client: 'sqlite', file: '/nonexistent/server.db' } as const;
    await expect(openStore(nowhere)).rejects.toMatchObject({ code: 'unavailable' });
  });
});
