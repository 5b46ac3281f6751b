import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Store } from '../../packages/server/src/collection/ports.js';
import { ROOT } from '@countersign/client/tuf';
import { firstPublish, gun, pendingKey, sha256, version } from './commits.js';
import type { TestDatabase, TestEngine } from './database.js';

const APP = gun('example.com/app');
const OTHER = gun('example.com/other');

/** @see storeContract */
export function keyContract(engine: TestEngine): void {
  let database: TestDatabase;
  let store: Store;
  beforeEach(async () => {
    database = await engine.create();
    store = await database.open();
  });
  afterEach(() => database.remove());

  test('a key comes back as it was recorded, to its collection and role only', async () => {
    const key = pendingKey(APP, 'one', { algorithm: 'ecdsa-p256-sha256', spki: Uint8Array.of(0, 255, 1) });
    const added = await store.addPendingKey(key);
    expect({ ...added, spki: new Uint8Array(added.spki) }).toEqual(key);
    expect(await store.onlineKeys(APP, 'timestamp')).toEqual([added]);
    expect(await store.onlineKeys(APP, 'snapshot')).toEqual([]);
    expect(await store.onlineKeys(OTHER, 'timestamp')).toEqual([]);
  });

  test('a pending key is given again; one of another role, algorithm or collection is its own', async () => {
    const first = await store.addPendingKey(pendingKey(APP, 'one'));
    expect(await store.addPendingKey(pendingKey(APP, 'two'))).toEqual(first);
    const others = [
      pendingKey(APP, 'three', { role: 'snapshot' }),
      pendingKey(APP, 'four', { algorithm: 'ecdsa-p256-sha256' }),
      pendingKey(OTHER, 'five'),
    ];
    for (const key of others) expect((await store.addPendingKey(key)).id).toBe(key.id);
    expect(await store.onlineKeys(APP, 'timestamp')).toHaveLength(2);
  });

  test('once used, a key stays recorded and makes room for the next pending one', async () => {
    const first = await store.addPendingKey(pendingKey(APP, 'one'));
    await store.commit(firstPublish(APP, { usedKeys: [first.id] }));
    const second = await store.addPendingKey(pendingKey(APP, 'two'));
    const keys = await store.onlineKeys(APP, 'timestamp');
    expect(keys.map(({ id, pending }) => ({ id, pending }))).toEqual([
      { id: first.id, pending: false },
      { id: second.id, pending: true },
    ]);
  });

  test('a commit that uses a key of another collection, or one nobody recorded, is refused and leaves no trace', async () => {
    const foreign = await store.addPendingKey(pendingKey(OTHER, 'one'));
    const own = await store.addPendingKey(pendingKey(APP, 'two'));
    const usedKeys = [own.id, foreign.id, sha256('three')];
    const result = await store.commit(firstPublish(APP, { usedKeys }));
    expect(result).toEqual({ kind: 'unknown-keys', ids: [foreign.id, sha256('three')] });
    expect(await store.head(APP)).toBeUndefined();
    expect(await store.file(APP, ROOT, version(1))).toBeUndefined();
    for (const name of [APP, OTHER]) expect((await store.onlineKeys(name, 'timestamp'))[0]?.pending).toBe(true);
  });

  test('of many keys at once, in two processes, one is pending and everybody is given it', async () => {
    const other = await database.open();
    const keys = Array.from({ length: 20 }, (_, number) => pendingKey(APP, `key ${number}`));
    const given = await Promise.all(keys.map((key, index) => (index % 2 === 0 ? store : other).addPendingKey(key)));
    expect(new Set(given.map(({ id }) => id)).size).toBe(1);
    expect(await store.onlineKeys(APP, 'timestamp')).toEqual([given[0]]);
  });

  test('counts pending keys of collections that were never published', async () => {
    expect(await store.countPendingKeys()).toBe(0);
    const used = await store.addPendingKey(pendingKey(APP, 'one'));
    await store.addPendingKey(pendingKey(APP, 'two', { role: 'snapshot' }));
    await store.addPendingKey(pendingKey(OTHER, 'three'));
    expect(await store.countPendingKeys()).toBe(3);
    await store.commit(firstPublish(APP, { usedKeys: [used.id] }));
    expect(await store.countPendingKeys()).toBe(1);
  });
}
