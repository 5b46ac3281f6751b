import { afterEach, beforeEach, expect, test } from 'vitest';
import { ROOT, SNAPSHOT, TARGETS, TIMESTAMP } from '@countersign/client/tuf';
import type { Commit, NewFile, PastResult, Store } from '../../packages/server/src/collection/ports.js';
import {
  after,
  firstPublish,
  gun,
  newFile,
  nextPublish,
  NOW,
  pendingKey,
  role,
  upload,
  uses,
  version,
} from './commits.js';
import type { TestDatabase, TestEngine } from './database.js';

const APP = gun('example.com/app');
const OTHER = gun('example.com/other');

/** A collection that begins at version 10 of everything, as one that was taken over does. */
function takenOver(changes: Partial<Commit> = {}): Commit {
  const files = [newFile(ROOT, 10), newFile(SNAPSHOT, 10), newFile(TARGETS, 10)];
  const current = { rootVersion: version(10), snapshotVersion: version(10) };
  return firstPublish(APP, { files, timestamp: newFile(TIMESTAMP, 10), ...current, ...changes });
}

/** @see storeContract */
export function pastContract(engine: TestEngine): void {
  let database: TestDatabase;
  let store: Store;
  beforeEach(async () => {
    database = await engine.create();
    store = await database.open();
  });
  afterEach(() => database.remove());

  async function committed(commit: Commit): Promise<number> {
    const result = await store.commit(commit);
    if (result.kind !== 'committed') throw new Error(`not committed but ${result.kind}`);
    return result.head;
  }

  const add = (head: number, ...files: readonly NewFile[]): Promise<PastResult> =>
    store.addPast({ gun: APP, head, files, now: after(3) });

  test('earlier versions are read by version and by hash as if they had been published here, with their own dates', async () => {
    const head = await committed(takenOver());
    const past = { ...newFile(TARGETS, 4), createdAt: after(-30) };
    expect(await add(head, past, newFile(SNAPSHOT, 9))).toEqual({ kind: 'added', added: 2, differing: [] });
    const stored = await store.file(APP, TARGETS, version(4));
    expect({ ...stored, bytes: Buffer.from(stored!.bytes) }).toEqual({ ...past, bytes: Buffer.from(past.bytes) });
    expect((await store.fileByHash(APP, TARGETS, past.sha256))?.version).toBe(4);
    expect((await store.file(APP, SNAPSHOT, version(9)))?.createdAt).toBe(after(3));
    expect(await store.file(OTHER, TARGETS, version(4))).toBeUndefined();
  });

  test('the head, the changefeed, use counts and what is due stay as they were', async () => {
    await store.uploads.add(upload(APP, 'one'));
    const head = await committed(takenOver({ targets: uses(['one']) }));
    const before = [await store.head(APP), await store.due(after(9), 10), await store.earliestExpiry()];
    await add(head, newFile(ROOT, 1), newFile(TIMESTAMP, 3), newFile(SNAPSHOT, 3), newFile(TARGETS, 3));
    expect([await store.head(APP), await store.due(after(9), 10), await store.earliestExpiry()]).toEqual(before);
    const question = { gun: undefined, after: undefined, before: undefined, limit: 9 };
    expect(await store.changes(question)).toHaveLength(1);
    expect(await store.uploads.unnamedBytes(APP)).toBe(0);
  });

  test('added again they are not added; with other bytes they are told, and the first ones stay', async () => {
    const head = await committed(takenOver());
    await add(head, newFile(TARGETS, 4), newFile(TARGETS, 5));
    const again = [newFile(TARGETS, 4), newFile(TARGETS, 5, 'other bytes'), newFile(TARGETS, 6)];
    const differing = [{ role: TARGETS, version: 5 }];
    expect(await add(head, ...again)).toEqual({ kind: 'added', added: 1, differing });
    expect((await store.file(APP, TARGETS, version(5)))?.sha256).toBe(newFile(TARGETS, 5).sha256);
    expect(await store.file(APP, TARGETS, version(6))).toBeDefined();
  });

  test('what is current is never written over', async () => {
    const head = await committed(takenOver());
    expect(await add(head, newFile(TARGETS, 10, 'forged'))).toMatchObject({ added: 0, differing: [{ version: 10 }] });
    expect((await store.file(APP, TARGETS, version(10)))?.sha256).toBe(newFile(TARGETS, 10).sha256);
  });

  test.each([ROOT, SNAPSHOT, TIMESTAMP])(
    'a %s at or above the current one refuses the call as a whole',
    async (late) => {
      const head = await committed(takenOver());
      for (const number of [10, 11]) {
        const refused = { kind: 'not-past', role: late, version: number };
        expect(await add(head, newFile(TARGETS, 1), newFile(late, number))).toEqual(refused);
      }
      expect(await store.file(APP, TARGETS, version(1))).toBeUndefined();
      expect(await store.file(APP, late, version(11))).toBeUndefined();
    },
  );

  test('they may be added while publishing goes on, and are below what is current by then', async () => {
    const first = await committed(takenOver());
    await committed(nextPublish(APP, first, 20, { rootVersion: version(10) }));
    expect(await add(first, newFile(SNAPSHOT, 12))).toMatchObject({ kind: 'added', added: 1 });
    expect((await store.head(APP))?.snapshot.version).toBe(20);
  });

  test('nothing is added to a collection that is not there, or whose life has ended since', async () => {
    const other = await committed({ ...takenOver(), gun: OTHER });
    expect(await add(other, newFile(TARGETS, 1))).toEqual({ kind: 'gone' });
    const head = await committed(takenOver());
    expect(await add(other, newFile(TARGETS, 1))).toEqual({ kind: 'gone' });
    await store.remove(APP, NOW);
    expect(await add(head, newFile(TARGETS, 1))).toEqual({ kind: 'gone' });
    await committed(takenOver());
    expect(await add(head, newFile(TARGETS, 1))).toEqual({ kind: 'gone' });
    expect(await store.file(APP, TARGETS, version(1))).toBeUndefined();
  });

  test('more than fit one statement, from two processes at once', async () => {
    const other = await database.open();
    const head = await committed(takenOver());
    const files = Array.from({ length: 90 }, (_, number) => newFile(role('targets/a'), number + 1));
    const results = await Promise.all([store, other].map((each) => each.addPast({ gun: APP, head, files, now: NOW })));
    expect(results.map((result) => (result.kind === 'added' ? result.added : NaN)).sort()).toEqual([0, 90]);
  });

  test('a commit may leave the changefeed alone, and its files have the dates they bring', async () => {
    const files = [{ ...newFile(ROOT, 10), createdAt: after(-9) }, newFile(SNAPSHOT, 10), newFile(TARGETS, 10)];
    await committed(takenOver({ changefeed: 'none', files }));
    expect(await database.query('SELECT * FROM changes')).toEqual([]);
    expect((await store.file(APP, ROOT, version(10)))?.createdAt).toBe(after(-9));
    expect((await store.file(APP, TARGETS, version(10)))?.createdAt).toBe(NOW);
  });

  test('keys a commit adopts are recorded as used, with it or not at all', async () => {
    const adoptedKeys = [pendingKey(APP, 'one'), pendingKey(APP, 'two', { role: 'snapshot' })];
    expect((await store.commit(takenOver({ adoptedKeys, follows: 7 }))).kind).toBe('lost');
    expect(await store.onlineKeys(APP, 'timestamp')).toEqual([]);
    const head = await committed(takenOver({ adoptedKeys }));
    for (const key of adoptedKeys) {
      const [recorded] = await store.onlineKeys(APP, key.role);
      expect({ ...recorded, spki: new Uint8Array(recorded!.spki) }).toEqual({ ...key, pending: false });
    }
    const again = nextPublish(APP, head, 11, { rootVersion: version(10), adoptedKeys });
    expect((await store.commit(again)).kind).toBe('committed');
    expect(await store.onlineKeys(APP, 'timestamp')).toHaveLength(1);
  });

  test('a key that has been forgotten is not adopted any more', async () => {
    const key = await store.addPendingKey(pendingKey(APP, 'one'));
    await store.forgetPendingKeys(after(1), 10);
    const result = await store.commit(takenOver({ adoptedKeys: [key] }));
    expect(result).toEqual({ kind: 'unknown-keys', ids: [key.id] });
    expect(await store.head(APP)).toBeUndefined();
  });
}
