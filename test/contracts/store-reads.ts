import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseRoleName, ROOT, SNAPSHOT, TARGETS, TIMESTAMP } from '@countersign/client/tuf';
import type { NewFile, Store } from '../../packages/server/src/collection/ports.js';
import { after, firstPublish, gun, newFile, nextPublish, NOW, role, sha256, version } from './commits.js';
import type { TestDatabase, TestEngine } from './database.js';

const APP = gun('example.com/app');
const OTHER = gun('example.com/app/other');

/** @see storeContract */
export function readContract(engine: TestEngine): void {
  let database: TestDatabase;
  let store: Store;
  beforeEach(async () => {
    database = await engine.create();
    store = await database.open();
  });
  afterEach(() => database.remove());

  test('of what was never published there is nothing', async () => {
    expect(await store.head(APP)).toBeUndefined();
    expect(await store.timestamp(APP)).toBeUndefined();
    expect(await store.file(APP, ROOT, version(1))).toBeUndefined();
    expect(await store.fileByHash(APP, ROOT, sha256('root 1'))).toBeUndefined();
    expect(await store.files(APP, [{ role: ROOT, version: version(1) }])).toEqual([undefined]);
    expect(await store.files(APP, [])).toEqual([]);
  });

  test('every version stays readable, by version and by hash', async () => {
    await store.commit(firstPublish(APP));
    await store.commit(nextPublish(APP, (await store.head(APP))!.id, 2));
    for (const [name, number] of [
      [TARGETS, 1],
      [TARGETS, 2],
      [TIMESTAMP, 1],
      [TIMESTAMP, 2],
      [ROOT, 1],
    ] as const) {
      const sent = newFile(name, number);
      const stored = await store.file(APP, name, version(number));
      expect(Buffer.from(stored!.bytes)).toEqual(Buffer.from(sent.bytes));
      expect(await store.fileByHash(APP, name, sent.sha256)).toEqual(stored);
    }
    expect(await store.fileByHash(APP, SNAPSHOT, newFile(TARGETS, 1).sha256)).toBeUndefined();
  });

  test('files answers in the order asked for, with gaps, repeats and more than fit one statement', async () => {
    await store.commit(firstPublish(APP));
    const asked = Array.from({ length: 120 }, (_, index) => [TARGETS, role('gone'), ROOT, SNAPSHOT][index % 4]!);
    const found = await store.files(
      APP,
      asked.map((name) => ({ role: name, version: version(1) })),
    );
    expect(found.map((file) => file?.role)).toEqual(asked.map((name) => (name === 'gone' ? undefined : name)));
  });

  test('bytes and names of every kind come back as they were', async () => {
    const odd = role('bin/100% ünïcode 🗝 \' "');
    const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);
    const file = { ...newFile(odd, Number.MAX_SAFE_INTEGER), bytes, sha256: sha256(bytes) };
    const name = gun('例え.example:5000/ä/💾');
    const empty = { ...newFile(role('empty'), 1), bytes: new Uint8Array(), sha256: sha256('') };
    await store.commit(firstPublish(name, { files: [...firstPublish(name).files, file, empty] }));
    const stored = await store.file(name, odd, file.version);
    expect(stored?.bytes).toBeInstanceOf(Uint8Array);
    expect(Buffer.compare(stored!.bytes, bytes)).toBe(0);
    expect(stored).toMatchObject({ role: odd, version: file.version, sha256: file.sha256 });
    expect((await store.fileByHash(name, empty.role, empty.sha256))?.bytes).toHaveLength(0);
  });

  test('names differ by every byte, and one no database can hold is simply not there', async () => {
    await store.commit(firstPublish(APP));
    expect(await store.timestamp(gun('example.com/APP'))).toBeUndefined();
    expect(await store.timestamp(gun('example.com/app '))).toBeUndefined();
    const nul = parseRoleName('root\0');
    expect(await store.file(APP, nul, version(1))).toBeUndefined();
    expect(await store.fileByHash(APP, nul, 'ab')).toBeUndefined();
    expect(await store.fileByHash(APP, ROOT, '\0')).toBeUndefined();
    expect(await store.files(APP, [{ role: nul, version: version(1) }])).toEqual([undefined]);
    expect(await store.uploads.find(APP, '\0')).toBeUndefined();
  });

  test('collections never see each other', async () => {
    await store.commit(firstPublish(APP, { files: [...firstPublish(APP).files, newFile(role('mine'), 1)] }));
    expect(await store.head(OTHER)).toBeUndefined();
    await store.commit(firstPublish(OTHER, { timestamp: newFile(TIMESTAMP, 1, 'of the other') }));
    expect(await store.file(OTHER, role('mine'), version(1))).toBeUndefined();
    expect(await store.fileByHash(OTHER, role('mine'), newFile(role('mine'), 1).sha256)).toBeUndefined();
    expect(await store.files(OTHER, [{ role: role('mine'), version: version(1) }])).toEqual([undefined]);
    expect((await store.timestamp(OTHER))?.sha256).toBe(sha256('of the other'));
    expect((await store.timestamp(APP))?.sha256).toBe(sha256('timestamp 1'));
  });

  test('due: earliest first, not after now, at most the limit, moved by each commit', async () => {
    const names = ['c', 'a', 'b', 'd'].map((name) => gun(`example.com/${name}`));
    for (const [index, name] of names.entries()) await store.commit(firstPublish(name, { renewAt: after(index + 1) }));
    expect(await store.due(NOW, 10)).toEqual([]);
    expect(await store.due(after(3), 10)).toEqual(
      [1, 2, 3].map((day) => ({ gun: names[day - 1], renewAt: after(day) })),
    );
    expect(await store.due(after(3), 2)).toHaveLength(2);
    const head = await store.head(names[0]!);
    await store.commit(nextPublish(names[0]!, head!.id, 2, { renewAt: after(9) }));
    expect((await store.due(after(3), 10)).map((one) => one.gun)).toEqual([names[1], names[2]]);
  });

  test('due, page by page: each collection once, also those due at the same moment', async () => {
    const names = Array.from({ length: 7 }, (_, number) =>
      gun(`example.com/${number % 2 === 0 ? 'Ä' : 'b'}/${number}`),
    );
    for (const [index, name] of names.entries())
      await store.commit(firstPublish(name, { renewAt: after(index < 5 ? 1 : 2) }));
    const seen: string[] = [];
    let page = await store.due(after(2), 2);
    for (; page.length > 0 && seen.length < 20; page = await store.due(after(2), 2, page.at(-1)))
      seen.push(...page.map((one) => one.gun));
    expect(seen).toHaveLength(7);
    expect(new Set(seen)).toEqual(new Set(names));
    expect(new Set(seen.slice(5))).toEqual(new Set(names.slice(5)));
  });

  test('the earliest expiry is that of the current timestamp that expires first', async () => {
    expect(await store.earliestExpiry()).toBeUndefined();
    const until = (day: number, number = 1): { timestamp: NewFile } => ({
      timestamp: { ...newFile(TIMESTAMP, number), expires: after(day) },
    });
    await store.commit(firstPublish(APP, until(9)));
    expect(await store.earliestExpiry()).toBe(after(9));
    await store.commit(firstPublish(OTHER, until(5)));
    expect(await store.earliestExpiry()).toBe(after(5));
    await store.commit(nextPublish(OTHER, (await store.head(OTHER))!.id, 2, until(12, 2)));
    expect(await store.earliestExpiry()).toBe(after(9));
  });

  test('many reads at once, among them some of the same moment', async () => {
    await store.commit(firstPublish(APP));
    const versions = await Promise.all(Array.from({ length: 200 }, async () => (await store.timestamp(APP))?.version));
    expect(new Set(versions)).toEqual(new Set([1]));
  });

  test('ping answers; a closed store is unavailable, and closing it again is no error', async () => {
    await store.ping();
    await store.close();
    await expect(store.ping()).rejects.toMatchObject({ code: 'unavailable' });
    await expect(store.timestamp(APP)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(store.commit(firstPublish(APP))).rejects.toMatchObject({ code: 'unavailable' });
    await store.close();
  });

  test('a commit under way when the store is closed is answered, and stays', async () => {
    const other = await database.open();
    const commit = store.commit(firstPublish(APP));
    await store.close();
    expect((await commit).kind).toBe('committed');
    expect(await other.head(APP)).toBeDefined();
  });
}
