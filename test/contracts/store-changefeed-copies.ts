import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Change, CopiedChange, Store } from '../../packages/server/src/collection/ports.js';
import { after, firstPublish, gun, nextPublish } from './commits.js';
import type { TestDatabase, TestEngine } from './database.js';

const APP = gun('example.com/app');
const OLD = gun('example.com/old');

function line(id: number, change: Partial<CopiedChange> = {}): CopiedChange {
  return { id, gun: OLD, version: id, sha256: 'ab'.repeat(32), category: 'update', createdAt: after(id), ...change };
}

/** @see storeContract */
export function changefeedCopiesContract(engine: TestEngine): void {
  let database: TestDatabase;
  let store: Store;
  beforeEach(async () => {
    database = await engine.create();
    store = await database.open();
  });
  afterEach(() => database.remove());

  const changes = (): Promise<readonly Change[]> =>
    store.changes({ gun: undefined, after: 0, before: undefined, limit: 1_000 });
  const ids = async (): Promise<readonly number[]> => (await changes()).map(({ id }) => id);

  test('into an empty changefeed lines keep their numbers, dates and categories, and what is published here follows', async () => {
    const gone = line(7, { version: 0, sha256: '', category: 'deletion' });
    await store.changefeedCopies.add('feed', [line(3), line(5), gone]);
    expect(await store.changefeedCopies.upTo('feed')).toBe(7);
    expect(await changes()).toEqual([line(3), line(5), gone]);
    await store.commit(firstPublish(APP));
    expect((await changes()).map(({ id, gun: name }) => [id, name])).toEqual([
      [3, OLD],
      [5, OLD],
      [7, OLD],
      [8, APP],
    ]);
  });

  test('again, only later lines are added, under their numbers as long as nothing was published here', async () => {
    await store.changefeedCopies.add('feed', [line(3), line(5)]);
    await store.changefeedCopies.add('feed', [line(3), line(5), line(9)]);
    expect(await ids()).toEqual([3, 5, 9]);
    await store.commit(firstPublish(APP));
    await store.changefeedCopies.add('feed', [line(9), line(10), line(12)]);
    await store.changefeedCopies.add('feed', [line(40)]);
    expect((await changes()).map(({ id, gun: name, version }) => [id, name, version])).toEqual([
      [3, OLD, 3],
      [5, OLD, 5],
      [9, OLD, 9],
      [10, APP, 1],
      [11, OLD, 10],
      [12, OLD, 12],
      [13, OLD, 40],
    ]);
    expect(await store.changefeedCopies.upTo('feed')).toBe(40);
  });

  test('where something was published already, read or not, lines get new numbers after it', async () => {
    await store.commit(firstPublish(APP));
    await store.changefeedCopies.add('feed', [line(30)]);
    expect(await ids()).toEqual([1, 2]);
    await store.commit(nextPublish(APP, (await store.head(APP))!.id, 2));
    await store.changefeedCopies.add('other feed', [line(30)]);
    expect(await ids()).toEqual([1, 2, 3, 4]);
    expect(await store.changefeedCopies.upTo('feed')).toBe(30);
  });

  test('the same lines copied by two at once are there once', async () => {
    const other = await database.open();
    const lines = Array.from({ length: 250 }, (_, index) => line(index + 1));
    await Promise.all([store, other].map((each) => each.changefeedCopies.add('feed', lines)));
    expect(await ids()).toEqual(lines.map(({ id }) => id));
  });
}
