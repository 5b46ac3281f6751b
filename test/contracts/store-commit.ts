import { afterEach, beforeEach, expect, test } from 'vitest';
import { ROOT, SNAPSHOT, TARGETS, TIMESTAMP, type Gun } from '@countersign/client/tuf';
import type { Commit, CommitResult, Store } from '../../packages/server/src/collection/ports.js';
import {
  after,
  firstPublish,
  gun,
  newFile,
  nextPublish,
  NONE,
  NOW,
  pendingKey,
  role,
  upload,
  uses,
  version,
} from './commits.js';
import type { TestDatabase, TestEngine } from './database.js';

const APP = gun('example.com/app');

/** @see storeContract */
export function commitContract(engine: TestEngine): void {
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

  const counts = async (): Promise<Record<string, unknown>> => {
    const tables = ['collections', 'files', 'heads', 'changes', 'targets'];
    const [row] = await database.query(
      `SELECT ${tables.map((table) => `(SELECT count(*) FROM ${table}) AS ${table}`).join(', ')}`,
    );
    return Object.fromEntries(Object.entries(row!).map(([table, count]) => [table, Number(count)]));
  };

  test('a first publish is stored byte for byte and becomes the head', async () => {
    const commit = firstPublish(APP);
    const id = await committed(commit);
    const head = await store.head(APP);
    expect(head).toMatchObject({ id, format: 'tuf-1' });
    for (const stored of [head!.root, head!.snapshot, head!.timestamp]) {
      const sent = [...commit.files, commit.timestamp].find((file) => file.role === stored.role)!;
      expect({ ...stored, bytes: Buffer.from(stored.bytes) }).toEqual({
        ...sent,
        bytes: Buffer.from(sent.bytes),
        createdAt: NOW,
      });
    }
  });

  test('a chain of publishes; the head is what the newest timestamp leads to, not the highest versions', async () => {
    const first = await committed(firstPublish(APP));
    const second = await committed(nextPublish(APP, first, 5));
    // A renewal: the snapshot stays, the versions have gaps.
    const third = await committed({ ...nextPublish(APP, second, 9), files: [], snapshotVersion: version(5) });
    const head = await store.head(APP);
    expect([head?.id, head?.root.version, head?.snapshot.version, head?.timestamp.version]).toEqual([third, 1, 5, 9]);
  });

  test('the swap is on the head: a lower timestamp version on the right head is committed', async () => {
    const first = await committed({ ...firstPublish(APP), timestamp: newFile(TIMESTAMP, 50) });
    await committed(nextPublish(APP, first, 7));
    expect((await store.timestamp(APP))?.version).toBe(7);
  });

  test.each<[string, (head: number) => number | undefined]>([
    ['an older head', (head) => head],
    ['no head, where there is one', () => undefined],
    ['a head that never was', (head) => head + 1_000_000],
  ])('following %s is lost', async (_, follows) => {
    const first = await committed(firstPublish(APP));
    await committed(nextPublish(APP, first, 2));
    const before = await counts();
    expect(await store.commit({ ...nextPublish(APP, first, 3), follows: follows(first) })).toEqual({ kind: 'lost' });
    expect(await counts()).toEqual(before);
  });

  test('following a head of another collection, or a head where nothing was published, is lost', async () => {
    const other = await committed(firstPublish(gun('example.com/other')));
    await committed(firstPublish(APP));
    expect(await store.commit(nextPublish(APP, other, 2))).toEqual({ kind: 'lost' });
    expect(await store.commit(nextPublish(gun('example.com/new'), other, 2))).toEqual({ kind: 'lost' });
  });

  test('a version that exists already is refused with its role, and nothing of the commit stays', async () => {
    const first = await committed(firstPublish(APP));
    const before = await counts();
    const commit = nextPublish(APP, first, 2, {
      files: [newFile(SNAPSHOT, 2), newFile(TARGETS, 1), newFile(role('extra'), 1)],
    });
    expect(await store.commit(commit)).toEqual({ kind: 'version-taken', role: TARGETS, version: 1 });
    expect(await counts()).toEqual(before);
    expect((await store.head(APP))?.id).toBe(first);
  });

  test('the same version twice in one commit is refused', async () => {
    const twice = [newFile(ROOT, 1), newFile(SNAPSHOT, 1), newFile(TARGETS, 1, 'a'), newFile(TARGETS, 1, 'b')];
    expect(await store.commit(firstPublish(APP, { files: twice }))).toEqual({
      kind: 'version-taken',
      role: TARGETS,
      version: 1,
    });
    expect(await store.head(APP)).toBeUndefined();
  });

  test('a lost swap is told before a taken version', async () => {
    const first = await committed(firstPublish(APP));
    await committed(nextPublish(APP, first, 2));
    expect(await store.commit(nextPublish(APP, first, 2))).toEqual({ kind: 'lost' });
  });

  test('a head that would lead to a file that is not stored is a fault, and nothing of it stays', async () => {
    const before = await counts();
    await expect(store.commit(firstPublish(APP, { rootVersion: version(2) }))).rejects.toMatchObject({
      code: 'internal',
    });
    expect(await counts()).toEqual(before);
    await committed(firstPublish(APP));
  });

  test('missing target files refuse the commit, all are named, and nothing of it stays', async () => {
    await store.uploads.add(upload(APP, 'stored'));
    await store.uploads.add(upload(gun('example.com/other'), 'elsewhere'));
    const before = await counts();
    const targets = uses(['stored', 'elsewhere', 'nowhere']);
    const result = await store.commit(firstPublish(APP, { targets }));
    const missing = [...uses(['elsewhere', 'nowhere']).required].sort();
    expect(result).toEqual({ kind: 'missing-targets', hashes: missing });
    expect(await counts()).toEqual(before);
    expect(await store.uploads.unnamedBytes(APP)).toBe('stored'.length);
    await committed(firstPublish(APP, { targets: uses(['stored']) }));
    expect(await store.uploads.unnamedBytes(APP)).toBe(0);
  });

  test('more roles and targets than fit one statement', async () => {
    const roles = Array.from({ length: 300 }, (_, number) => newFile(role(`bin-${number}`), 1));
    const targets = uses(Array.from({ length: 1_500 }, (_, number) => `file ${number}`));
    const change = { change: targets.change, required: new Set<string>() };
    const first = await committed({
      ...firstPublish(APP),
      files: [...firstPublish(APP).files, ...roles],
      targets: change,
    });
    const wanted = roles.map((file) => ({ role: file.role, version: file.version }));
    const found = await store.files(APP, wanted);
    expect(found.map((file) => file?.sha256)).toEqual(roles.map((file) => file.sha256));
    const missing = await store.commit(
      nextPublish(APP, first, 2, { targets: { ...NONE, required: targets.required } }),
    );
    expect(missing.kind === 'missing-targets' && missing.hashes.length).toBe(1_500);
  });

  test('of many that race for the same head, in two processes, one is committed and the others leave no trace', async () => {
    const other = await database.open();
    let head: number | undefined;
    for (let round = 1; round <= 5; round += 1) {
      const timestamp = await store.addPendingKey(pendingKey(APP, `timestamp key ${round}`));
      const snapshot = await store.addPendingKey(pendingKey(APP, `snapshot key ${round}`, { role: 'snapshot' }));
      const racers = Array.from({ length: 20 }, (_, racer) =>
        racing(head, round * 100 + racer, racer % 3 === 0 ? timestamp.id : snapshot.id),
      );
      const results = await Promise.all(
        racers.map((commit, index) => (index % 2 === 0 ? store : other).commit(commit)),
      );
      const winner = onlyWinner(results);
      head = (await store.head(APP))!.id;
      expect(results[winner]).toEqual({ kind: 'committed', head });
      await expectOnly(racers, winner);
    }
    expect(await counts()).toMatchObject({ collections: 1, heads: 5, changes: 5, files: 5 * 3 + 1, targets: 5 });
  });

  /** A racer brings versions and a target of its own, and uses one of two keys, so that each trace can be told apart. */
  function racing(head: number | undefined, number: number, key: string): Commit {
    const base = nextPublish(APP, 0, number);
    const files = head === undefined ? [newFile(ROOT, 1), ...base.files] : base.files;
    const targets = { ...uses([`target ${number}`]), required: new Set<string>() };
    return { ...base, follows: head, files, targets, usedKeys: [key] };
  }

  function onlyWinner(results: readonly CommitResult[]): number {
    expect(results.filter((result) => result.kind === 'committed')).toHaveLength(1);
    expect(results.filter((result) => result.kind === 'lost')).toHaveLength(results.length - 1);
    return results.findIndex((result) => result.kind === 'committed');
  }

  async function expectOnly(racers: readonly Commit[], winner: number): Promise<void> {
    for (const [index, commit] of racers.entries()) {
      const there = index === winner;
      expect((await store.file(APP, TARGETS, commit.timestamp.version)) !== undefined).toBe(there);
      expect((await store.file(APP, TIMESTAMP, commit.timestamp.version)) !== undefined).toBe(there);
      const [hash] = commit.targets.change.keys();
      expect(await database.query(`SELECT uses FROM targets WHERE sha256 = '${hash!}'`)).toHaveLength(there ? 1 : 0);
    }
    expect((await store.timestamp(APP))?.version).toBe(racers[winner]!.timestamp.version);
    const keys = [...(await store.onlineKeys(APP, 'timestamp')), ...(await store.onlineKeys(APP, 'snapshot'))];
    expect(keys.filter(({ pending }) => !pending).map(({ id }) => id)).toContain(racers[winner]!.usedKeys[0]);
    expect(keys.filter(({ pending }) => pending)).toHaveLength(1);
  }

  test('a key is marked used only by the commit that is committed', async () => {
    const key = await store.addPendingKey(pendingKey(APP, 'one'));
    const first = await committed(firstPublish(APP));
    await committed(nextPublish(APP, first, 2));
    await store.commit(nextPublish(APP, first, 3, { usedKeys: [key.id] }));
    expect((await store.onlineKeys(APP, 'timestamp')).map(({ pending }) => pending)).toEqual([true]);
    const head = (await store.head(APP))!.id;
    await committed(nextPublish(APP, head, 3, { usedKeys: [key.id] }));
    expect((await store.onlineKeys(APP, 'timestamp')).map(({ pending }) => pending)).toEqual([false]);
  });

  test('commits to many collections at once all go through, one refused among them or not', async () => {
    const guns: readonly Gun[] = Array.from({ length: 40 }, (_, number) => gun(`example.com/${number}`));
    const commits = guns.map((name, number) =>
      firstPublish(name, number % 10 === 0 ? { rootVersion: version(2) } : {}),
    );
    const results = await Promise.allSettled(commits.map((commit) => store.commit(commit)));
    for (const [number, result] of results.entries()) {
      expect(result.status).toBe(number % 10 === 0 ? 'rejected' : 'fulfilled');
      expect((await store.head(guns[number]!)) !== undefined).toBe(number % 10 !== 0);
    }
  });

  test('what has resolved is seen at once by a read of another process', async () => {
    const other = await database.open();
    let head = await committed(firstPublish(APP));
    for (let number = 2; number <= 30; number += 1) {
      head = await committed(nextPublish(APP, head, number));
      const [timestamp, state] = await Promise.all([other.timestamp(APP), other.head(APP)]);
      expect([timestamp?.version, state?.id]).toEqual([number, head]);
    }
  });

  test('a head read while others publish is never torn', async () => {
    const other = await database.open();
    let head = await committed(firstPublish(APP));
    const publishing = new AbortController();
    const reader = (async () => {
      let read = 0;
      for (; !publishing.signal.aborted; read += 1) {
        const state = await other.head(APP);
        expect(state?.snapshot.version).toBe(state?.timestamp.version);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return read;
    })();
    for (let number = 2; number <= 40; number += 1) head = await committed(nextPublish(APP, head, number));
    publishing.abort();
    expect(await reader).toBeGreaterThan(5);
  });

  test('every commit is one row of the changefeed', async () => {
    const first = await committed(firstPublish(APP));
    await committed(nextPublish(APP, first, 2, { now: after(1) }));
    const rows = await database.query('SELECT gun, version, sha256, category FROM changes ORDER BY id');
    expect(rows.map((row) => ({ ...row, version: Number(row['version']) }))).toEqual(
      [1, 2].map((number) => ({
        gun: APP,
        version: number,
        sha256: newFile(TIMESTAMP, number).sha256,
        category: 'update',
      })),
    );
  });
}
