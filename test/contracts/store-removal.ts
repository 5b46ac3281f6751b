import { afterEach, beforeEach, expect, test } from 'vitest';
import { ROOT, SNAPSHOT, TARGETS, TIMESTAMP } from '@countersign/client/tuf';
import type { ChangesAsked, Store } from '../../packages/server/src/collection/ports.js';
import { after, firstPublish, gun, newFile, nextPublish, NOW, sha256, upload, uses, version } from './commits.js';
import type { TestDatabase, TestEngine } from './database.js';

const APP = gun('example.com/app');
const BELOW = gun('example.com/app/other');

const asked = (changes: Partial<ChangesAsked>): ChangesAsked => ({
  gun: undefined,
  after: undefined,
  before: undefined,
  limit: 100,
  ...changes,
});

/** @see storeContract */
export function removalContract(engine: TestEngine): void {
  let database: TestDatabase;
  let store: Store;
  beforeEach(async () => {
    database = await engine.create();
    store = await database.open();
  });
  afterEach(() => database.remove());

  test('of what was never published is no removal, and leaves no trace', async () => {
    expect(await store.remove(APP, NOW)).toBe(false);
    expect(await store.changes(asked({}))).toEqual([]);
    expect(await store.pastVersions(APP)).toEqual(new Map());
  });

  test('nothing of the collection can be read afterwards, everything of its neighbours can', async () => {
    await store.commit(firstPublish(APP));
    await store.commit(firstPublish(BELOW));
    expect(await store.remove(APP, NOW)).toBe(true);
    expect(await store.remove(APP, NOW)).toBe(false);
    expect(await store.head(APP)).toBeUndefined();
    expect(await store.timestamp(APP)).toBeUndefined();
    expect(await store.file(APP, ROOT, version(1))).toBeUndefined();
    expect(await store.fileByHash(APP, ROOT, newFile(ROOT, 1).sha256)).toBeUndefined();
    expect(await store.due(after(9), 10)).toMatchObject([{ gun: BELOW }]);
    expect(await store.head(BELOW)).toBeDefined();
  });

  test('a new life may begin at version 1 and in another format; the highest versions of the old ones are remembered', async () => {
    await store.commit(firstPublish(APP));
    await store.commit(nextPublish(APP, (await store.head(APP))!.id, 7));
    await store.remove(APP, NOW);
    const past = new Map([
      [ROOT, 1],
      [SNAPSHOT, 7],
      [TARGETS, 7],
      [TIMESTAMP, 7],
    ]);
    expect(await store.pastVersions(APP)).toEqual(past);
    expect(await store.commit(firstPublish(APP, { format: 'notary-1' as never }))).toMatchObject({ kind: 'committed' });
    expect(await store.head(APP)).toMatchObject({ format: 'notary-1', timestamp: { version: 1 } });
    await store.remove(APP, NOW);
    expect(await store.pastVersions(APP)).toEqual(past);
  });

  test('a publish built on the life that has ended is lost', async () => {
    await store.commit(firstPublish(APP));
    const old = (await store.head(APP))!.id;
    await store.remove(APP, NOW);
    expect(await store.commit(nextPublish(APP, old, 2))).toEqual({ kind: 'lost' });
    expect(await store.head(APP)).toBeUndefined();
    await store.commit(firstPublish(APP));
    expect(await store.commit(nextPublish(APP, old, 2))).toEqual({ kind: 'lost' });
    expect((await store.head(APP))?.timestamp.version).toBe(1);
  });

  test('against publishes of the same moment: each is lost or removed, and never half of one is left', async () => {
    const other = await database.open();
    for (let round = 0; round < 20; round += 1) {
      const name = gun(`example.com/race/${round}`);
      await store.commit(firstPublish(name));
      const head = (await store.head(name))!.id;
      const [removed, published] = await Promise.all([
        store.remove(name, NOW),
        other.commit(nextPublish(name, head, 2)),
      ]);
      expect(removed).toBe(true);
      expect(['lost', 'committed']).toContain(published.kind);
      expect(await store.head(name)).toBeUndefined();
      expect(await store.file(name, TARGETS, version(2))).toBeUndefined();
    }
  });

  test('target files of a removed collection are named by nothing any more', async () => {
    await store.uploads.add(upload(APP, 'one'));
    await store.commit(firstPublish(APP, { targets: uses(['one']) }));
    expect(await store.uploads.unnamedBytes(APP)).toBe(0);
    await store.remove(APP, after(1));
    expect(await store.uploads.unnamedBytes(APP)).toBe(3);
    expect(await store.uploads.collect(after(1), 10)).toEqual([]);
    expect(await store.uploads.collect(after(2), 10)).toMatchObject([{ sha256: sha256('one') }]);
  });

  test('the changefeed tells of publishes and deletions, onward and backward, of all and of one', async () => {
    await store.commit(firstPublish(APP));
    await store.commit(firstPublish(BELOW));
    await store.commit(nextPublish(APP, (await store.head(APP))!.id, 2));
    await store.remove(APP, after(1));
    const all = await store.changes(asked({}));
    expect(all.map(({ gun: name, version: number, category }) => [name, number, category])).toEqual([
      [APP, 1, 'update'],
      [BELOW, 1, 'update'],
      [APP, 2, 'update'],
      [APP, 0, 'deletion'],
    ]);
    expect(all[0]).toMatchObject({ sha256: newFile(TIMESTAMP, 1).sha256, createdAt: NOW });
    expect(all[3]).toMatchObject({ sha256: '', createdAt: after(1) });
    const ids = all.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    const idsOf = async (question: Partial<ChangesAsked>): Promise<readonly number[]> =>
      (await store.changes(asked(question))).map(({ id }) => id);
    expect(await idsOf({ after: ids[0]! })).toEqual(ids.slice(1));
    expect(await idsOf({ after: 0, limit: 2 })).toEqual(ids.slice(0, 2));
    expect(await idsOf({ limit: 2 })).toEqual(ids.slice(2));
    expect(await idsOf({ before: ids[3]!, limit: 2 })).toEqual(ids.slice(1, 3));
    expect(await idsOf({ gun: APP })).toEqual([ids[0], ids[2], ids[3]]);
    expect(await idsOf({ gun: BELOW, after: 0 })).toEqual([ids[1]]);
  });

  test('a changefeed that nobody has read for long is numbered piece by piece', async () => {
    await Promise.all(Array.from({ length: 600 }, (_, i) => store.commit(firstPublish(gun(`example.com/long/${i}`)))));
    const ids = (await store.changes(asked({ limit: 1_000 }))).map(({ id }) => id);
    expect(ids).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
  });

  test('who follows the changefeed misses nothing, however many publish at once', async () => {
    const other = await database.open();
    const names = Array.from({ length: 24 }, (_, i) => gun(`example.com/many/${i}`));
    const publishing = Promise.all(names.map((name, i) => [store, other][i % 2]!.commit(firstPublish(name))));
    const seen: string[] = [];
    let last = 0;
    const follow = async (): Promise<void> => {
      for (const change of await store.changes(asked({ after: last, limit: 5 }))) {
        seen.push(change.gun);
        last = change.id;
      }
    };
    const done = publishing.then(() => 'done' as const);
    // A turn of the event loop between two looks, or the publishes would never get theirs.
    while ((await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 1))])) !== 'done') await follow();
    for (let i = 0; i < 10; i += 1) await follow();
    expect([...seen].sort()).toEqual([...names].sort());
  });
}
