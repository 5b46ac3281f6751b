import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CommitResult, OnlineKey, Store } from '../../packages/server/src/collection/ports.js';
import { after, firstPublish, gun, nextPublish, NOW, pendingKey } from './commits.js';
import type { TestDatabase, TestEngine } from './database.js';

const APP = gun('example.com/app');
const OTHER = gun('example.com/other');

/** @see storeContract */
export function forgottenKeyContract(engine: TestEngine): void {
  let database: TestDatabase;
  let store: Store;
  beforeEach(async () => {
    database = await engine.create();
    store = await database.open();
  });
  afterEach(() => database.remove());

  const ids = (keys: readonly OnlineKey[]): string[] => keys.map(({ id }) => id).sort();

  test('only pending keys that were recorded before are forgotten, at most the limit', async () => {
    const old = await store.addPendingKey(pendingKey(APP, 'old'));
    const used = await store.addPendingKey(pendingKey(APP, 'used', { role: 'snapshot' }));
    await store.commit(firstPublish(APP, { usedKeys: [used.id] }));
    const older = await store.addPendingKey(pendingKey(OTHER, 'older', { createdAt: after(-1) }));
    const young = await store.addPendingKey(pendingKey(OTHER, 'young', { role: 'snapshot', createdAt: after(1) }));
    expect(await store.forgetPendingKeys(after(-1), 10)).toEqual([]);
    expect(await store.forgetPendingKeys(after(1), 1)).toHaveLength(1);
    const forgotten = await store.forgetPendingKeys(after(1), 10);
    expect(ids(forgotten)).toEqual(ids([old, older]));
    expect(await store.onlineKeys(OTHER, 'snapshot')).toEqual([young]);
    expect((await store.onlineKeys(APP, 'snapshot'))[0]?.pending).toBe(false);
  });

  test('a forgotten key is in no answer, counts for nothing, and makes room for the next', async () => {
    const key = await store.addPendingKey(pendingKey(APP, 'one'));
    await store.forgetPendingKeys(after(1), 10);
    expect(await store.onlineKeys(APP, 'timestamp')).toEqual([]);
    expect(await store.countPendingKeys()).toBe(0);
    const next = await store.addPendingKey(pendingKey(APP, 'two', { createdAt: after(2) }));
    expect(next.id).not.toBe(key.id);
    expect(await store.onlineKeys(APP, 'timestamp')).toEqual([next]);
  });

  test('no commit can use a forgotten key, before and after its record is dropped', async () => {
    const key = await store.addPendingKey(pendingKey(APP, 'one'));
    await store.forgetPendingKeys(after(1), 10);
    const refused = { kind: 'unknown-keys', ids: [key.id] };
    expect(await store.commit(firstPublish(APP, { usedKeys: [key.id] }))).toEqual(refused);
    await store.dropForgottenKeys([key.id]);
    expect(await store.commit(firstPublish(APP, { usedKeys: [key.id] }))).toEqual(refused);
    expect(await store.head(APP)).toBeUndefined();
  });

  test('forgotten keys are answered again until they are dropped, by another process too', async () => {
    const key = await store.addPendingKey(pendingKey(APP, 'one'));
    await store.forgetPendingKeys(after(1), 10);
    const other = await database.open();
    expect(ids(await other.forgetPendingKeys(NOW, 10))).toEqual([key.id]);
    await other.dropForgottenKeys([key.id]);
    await store.dropForgottenKeys([key.id]);
    expect(await store.forgetPendingKeys(after(1), 10)).toEqual([]);
    expect(await database.query('SELECT * FROM online_keys')).toEqual([]);
  });

  test('dropping leaves keys alone that are not forgotten', async () => {
    const pending = await store.addPendingKey(pendingKey(APP, 'one'));
    const used = await store.addPendingKey(pendingKey(APP, 'two', { role: 'snapshot' }));
    await store.commit(firstPublish(APP, { usedKeys: [used.id] }));
    await store.dropForgottenKeys([pending.id, used.id]);
    expect(await store.onlineKeys(APP, 'timestamp')).toHaveLength(1);
    expect(await store.onlineKeys(APP, 'snapshot')).toHaveLength(1);
  });

  test('a key in use again by a later root stays in use', async () => {
    const key = await store.addPendingKey(pendingKey(APP, 'one'));
    await store.commit(firstPublish(APP, { usedKeys: [key.id] }));
    const { id } = (await store.head(APP))!;
    expect((await store.commit(nextPublish(APP, id, 2, { usedKeys: [key.id] }))).kind).toBe('committed');
    expect(await store.forgetPendingKeys(after(1_000), 10)).toEqual([]);
  });

  test('races with the commit that uses the key: used for good, or forgotten and the commit refused', async () => {
    const other = await database.open();
    const kinds = new Map<string, number>();
    for (let round = 0; round < 30; round += 1) {
      const name = gun(`example.com/race/${round}`);
      const key = await store.addPendingKey(pendingKey(name, `key ${round}`));
      const committing = (): Promise<CommitResult> => store.commit(firstPublish(name, { usedKeys: [key.id] }));
      const forgetting = (): Promise<readonly OnlineKey[]> => other.forgetPendingKeys(after(1), 100);
      const commitsFirst = round % 2 === 0;
      const [a, b] = commitsFirst ? [committing(), forgetting()] : [forgetting(), committing()];
      await Promise.all([a, b]);
      const { kind } = (await (commitsFirst ? a : b)) as CommitResult;
      const forgotten = ids((await (commitsFirst ? b : a)) as readonly OnlineKey[]).includes(key.id);
      expect(kind).toBe(forgotten ? 'unknown-keys' : 'committed');
      expect(await store.onlineKeys(name, 'timestamp')).toHaveLength(forgotten ? 0 : 1);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    expect(kinds.get('unknown-keys')).toBeGreaterThan(0);
  });
}
