import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CommitResult, Store, TargetUses } from '../../packages/server/src/collection/ports.js';
import { after, firstPublish, gun, nextPublish, NONE, sha256, sha512, upload, uses } from './commits.js';
import type { TestDatabase, TestEngine } from './database.js';

const APP = gun('example.com/app');
const OTHER = gun('example.com/other');

/** @see storeContract */
export function uploadContract(engine: TestEngine): void {
  let database: TestDatabase;
  let store: Store;
  beforeEach(async () => {
    database = await engine.create();
    store = await database.open();
  });
  afterEach(() => database.remove());

  let number = 1;
  /** Publishes on whatever is current; the moment is `day` days after the start. */
  async function publish(targets: TargetUses, day = 0): Promise<string> {
    const head = await store.head(APP);
    number += 1;
    const commit = head === undefined ? firstPublish(APP) : nextPublish(APP, head.id, number);
    return (await store.commit({ ...commit, targets, now: after(day) })).kind;
  }

  test('an upload is found by either hash, in its collection only', async () => {
    const added = await store.uploads.add(upload(APP, 'content'));
    expect(added).toEqual(upload(APP, 'content'));
    expect(await store.uploads.find(APP, sha256('content'))).toEqual(added);
    expect(await store.uploads.find(APP, sha512('content'))).toEqual(added);
    expect(await store.uploads.find(OTHER, sha256('content'))).toBeUndefined();
    expect(await store.uploads.find(APP, sha256('other'))).toBeUndefined();
    expect(await store.uploads.touch(OTHER, sha512('content'), after(1))).toBeUndefined();
  });

  test('of the same content twice the older upload stays; two collections never share a blob', async () => {
    const first = await store.uploads.add(upload(APP, 'content'));
    expect(await store.uploads.add(upload(APP, 'content', { uploadedAt: after(1) }))).toEqual(first);
    const theirs = await store.uploads.add(upload(OTHER, 'content'));
    expect(theirs.blob).not.toBe(first.blob);
    expect(await store.uploads.known([first.blob, theirs.blob, 'unknown'])).toEqual(new Set([first.blob, theirs.blob]));
  });

  test('many uploads of the same content at once, in two processes: everybody is given one and the same', async () => {
    const other = await database.open();
    const uploads = Array.from({ length: 12 }, (_, index) => upload(APP, 'content', { blob: sha256(`blob ${index}`) }));
    const given = await Promise.all(uploads.map((one, index) => (index % 2 === 0 ? store : other).uploads.add(one)));
    expect(new Set(given.map(({ blob }) => blob)).size).toBe(1);
  });

  test('unnamed bytes: what was uploaded and no current metadata names', async () => {
    await store.uploads.add(upload(APP, '12345'));
    await store.uploads.add(upload(APP, '1234567'));
    await store.uploads.add(upload(OTHER, '123'));
    expect(await store.uploads.unnamedBytes(APP)).toBe(12);
    await publish(uses(['12345']));
    expect(await store.uploads.unnamedBytes(APP)).toBe(7);
    await publish(uses(['12345'], -1));
    expect(await store.uploads.unnamedBytes(APP)).toBe(12);
    expect(await store.uploads.unnamedBytes(gun('example.com/none'))).toBe(0);
  });

  test('collect removes what nothing named for long enough, oldest first, at most the limit', async () => {
    for (const day of [3, 1, 2]) await store.uploads.add(upload(APP, `day ${day}`, { uploadedAt: after(day) }));
    expect(await store.uploads.collect(after(1), 10)).toEqual([]);
    expect(await store.uploads.collect(after(9), 2)).toHaveLength(2);
    expect(await store.uploads.find(APP, sha256('day 3'))).toBeDefined();
    expect(await store.uploads.find(APP, sha256('day 1'))).toBeUndefined();
    expect(await store.uploads.collect(after(9), 2)).toHaveLength(1);
    expect(await store.uploads.collect(after(9), 2)).toEqual([]);
  });

  test('a named file is never collected; its age starts when the last use goes', async () => {
    await store.uploads.add(upload(APP, 'content'));
    await publish(uses(['content'], 2), 1);
    expect(await store.uploads.collect(after(1_000), 10)).toEqual([]);
    await publish(uses(['content'], -1), 100);
    expect(await store.uploads.collect(after(1_000), 10)).toEqual([]);
    await publish(uses(['content'], -1), 200);
    expect(await store.uploads.collect(after(200), 10)).toEqual([]);
    expect(await store.uploads.collect(after(201), 10)).toHaveLength(1);
  });

  test('uses are counted before the file is uploaded, and outlive its absence', async () => {
    expect(await publish({ ...uses(['late']), required: new Set() })).toBe('committed');
    expect(await store.uploads.find(APP, sha256('late'))).toBeUndefined();
    expect(await store.uploads.find(APP, sha512('late'))).toBeUndefined();
    await store.uploads.add(upload(APP, 'late'));
    expect(await store.uploads.unnamedBytes(APP)).toBe(0);
    expect(await store.uploads.collect(after(1_000), 10)).toEqual([]);
  });

  test('counts of files that were named and never uploaded are forgotten with time', async () => {
    await publish({ ...uses(['elsewhere']), required: new Set() });
    await publish(uses(['elsewhere'], -1), 1);
    await publish({ ...uses(['still named', 'uploaded']), required: new Set() }, 1);
    await store.uploads.add(upload(APP, 'uploaded'));
    expect(await store.uploads.collect(after(2), 10)).toEqual([]);
    expect(await store.uploads.forget(after(1), 10)).toBe(0);
    expect(await store.uploads.forget(after(2), 10)).toBe(1);
    expect(await store.uploads.forget(after(2), 10)).toBe(0);
    const left = await database.query('SELECT sha256 FROM targets');
    expect(left.map((row) => row['sha256']).sort()).toEqual([sha256('still named'), sha256('uploaded')].sort());
  });

  test('uploading again and asking both start the age anew, never backwards', async () => {
    await store.uploads.add(upload(APP, 'again'));
    await store.uploads.add(upload(APP, 'asked'));
    await store.uploads.add(upload(APP, 'again', { uploadedAt: after(10) }));
    expect((await store.uploads.touch(APP, sha512('asked'), after(10)))?.sha256).toBe(sha256('asked'));
    await store.uploads.touch(APP, sha256('asked'), after(5));
    expect(await store.uploads.collect(after(10), 10)).toEqual([]);
    expect(await store.uploads.collect(after(11), 10)).toHaveLength(2);
  });

  test('a commit that requires a file it does not newly name holds it too', async () => {
    await store.uploads.add(upload(APP, 'content'));
    expect(await publish({ ...NONE, required: new Set([sha256('content')]) }, 50)).toBe('committed');
    expect(await store.uploads.collect(after(50), 10)).toEqual([]);
  });

  test('a use count below zero is a fault, and nothing of the commit stays', async () => {
    await store.uploads.add(upload(APP, 'content'));
    await expect(publish(uses(['content'], -1))).rejects.toMatchObject({ code: 'internal' });
    expect(await store.head(APP)).toBeUndefined();
    expect(await store.uploads.unnamedBytes(APP)).toBe(7);
  });

  test('collect races with the commit that names the file: stored and named, or refused and gone', async () => {
    const other = await database.open();
    const kinds = new Map<string, number>();
    for (let round = 0; round < 30; round += 1) {
      const content = `round ${round}`;
      await store.uploads.add(upload(APP, content));
      const head = await store.head(APP);
      const base = head === undefined ? firstPublish(APP) : nextPublish(APP, head.id, round + 2);
      const publishing = (): Promise<CommitResult> =>
        store.commit({ ...base, targets: uses([content]), now: after(50) });
      const collecting = (): Promise<unknown> => other.uploads.collect(after(40), 10);
      const publishesFirst = round % 2 === 0;
      const first = publishesFirst ? publishing() : collecting();
      // The last two one after the other: so both ends are seen, whoever wins the races.
      if (round >= 28) await first;
      const second = publishesFirst ? collecting() : publishing();
      await Promise.all([first, second]);
      const { kind } = (await (publishesFirst ? first : second)) as CommitResult;
      const found = await store.uploads.find(APP, sha256(content));
      expect(kind).toBe(found === undefined ? 'missing-targets' : 'committed');
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    expect([...kinds.keys()].sort()).toEqual(['committed', 'missing-targets']);
  });

  test('collect in two processes at once returns each upload once', async () => {
    const other = await database.open();
    for (let index = 0; index < 30; index += 1) await store.uploads.add(upload(APP, `file ${index}`));
    const collected = await Promise.all([store, other, store, other].map((one) => one.uploads.collect(after(1), 30)));
    const blobs = collected.flat().map(({ blob }) => blob);
    expect(blobs).toHaveLength(30);
    expect(new Set(blobs).size).toBe(30);
  });
}
