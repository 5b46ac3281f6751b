import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Session } from '../../packages/server/src/store/engine.js';
import { GroupCommit } from '../../packages/server/src/store/group-commit.js';

let database: Database.Database;
let session: Session;
let group: GroupCommit;
let begun: number;

beforeEach(() => {
  begun = 0;
  database = new Database(':memory:', {
    verbose: (sql) => {
      if (sql === 'BEGIN IMMEDIATE') begun += 1;
    },
  });
  database.exec('PRAGMA foreign_keys = ON; CREATE TABLE t (id INTEGER PRIMARY KEY)');
  database.exec('CREATE TABLE child (parent INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)');
  session = {
    async query<Row extends object>(sql: string): Promise<readonly Row[]> {
      database.exec(sql);
      return [];
    },
  };
  group = new GroupCommit(database, session);
});
afterEach(() => database.close());

const ids = (): unknown[] => database.prepare('SELECT id FROM t ORDER BY id').pluck().all();

const insert = (id: number, sql = `INSERT INTO t VALUES (${id})`): Promise<number> =>
  group.write(async (within) => {
    await within.query(sql, []);
    return { keep: id };
  });

test('writes of the same moment share one transaction', async () => {
  expect(await Promise.all([1, 2, 3].map((id) => insert(id)))).toEqual([1, 2, 3]);
  expect(begun).toBe(1);
  expect(await insert(4)).toBe(4);
  expect([begun, ids()]).toEqual([2, [1, 2, 3, 4]]);
});

test('nobody is answered before the shared commit', async () => {
  const seen: boolean[] = [];
  await Promise.all([1, 2].map((id) => insert(id).then(() => seen.push(database.inTransaction))));
  expect(seen).toEqual([false, false]);
});

test('what is undone or fails takes only its own writes with it', async () => {
  const undone = group.write<string>(async (within) => {
    await within.query('INSERT INTO t VALUES (10)', []);
    return { undo: 'lost' };
  });
  const results = await Promise.allSettled([insert(1), undone, insert(1), insert(2)]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect(await undone).toBe('lost');
  expect([begun, ids()]).toEqual([1, [1, 2]]);
});

test('when one makes SQLite give up the whole transaction, the others are written all the same', async () => {
  const results = await Promise.allSettled([insert(1), insert(1, 'INSERT OR ROLLBACK INTO t VALUES (1)'), insert(2)]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(ids()).toEqual([1, 2]);
});

test('a commit that fails is told to everybody it was for, and the next goes on', async () => {
  const results = await Promise.allSettled([insert(1), insert(2, 'INSERT INTO child VALUES (99)')]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await insert(3)).toBe(3);
  expect(ids()).toEqual([3]);
});

test('idle resolves when all that was queued is answered', async () => {
  const answered: number[] = [];
  const writes = Array.from({ length: 200 }, (_, id) => insert(id).then((done) => answered.push(done)));
  await group.idle();
  await Promise.all(writes);
  expect(answered).toHaveLength(200);
  expect(begun).toBe(4); // of 64 at most
});
