import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { CountersignError } from '@countersign/client/tuf';
import { GroupCommit } from '../../packages/signer/src/group-commit.js';
import { KeyStore, NEVER_SIGNED, type Advance } from '../../packages/signer/src/store.js';
import { connect, type DatabaseConfig } from '../../packages/signer/src/connect.js';
import { findPostgres, startPostgres, type Postgres } from '../support/postgres.js';
import {
  DAY,
  NOW,
  benchOn,
  envelopeOf,
  followsOf,
  itemOf,
  migrated,
  newDatabase,
  openBench,
  publishedOf,
  snapshot,
  timestamp,
} from './workbench.js';

const signed = { signature: expect.any(Uint8Array) as Uint8Array };
const installed = findPostgres();
let postgres: Postgres | undefined;

beforeAll(async () => {
  if ('bin' in installed) postgres = await startPostgres(installed.bin);
});
afterAll(() => postgres?.stop());

async function newPostgres(): Promise<DatabaseConfig> {
  if (postgres === undefined) throw new Error('PostgreSQL did not start');
  const database = { client: 'postgres', url: await postgres.create() } as const;
  await migrated(database);
  return database;
}

const engines = [
  { engine: 'SQLite', skip: false, create: newDatabase },
  { engine: 'PostgreSQL', skip: 'missing' in installed, create: newPostgres },
];

describe.for(engines)('a restarted signer on $engine', ({ skip, create }) => {
  it.skipIf(skip)('signs no version that was signed before', async () => {
    const database = await create();
    const before = await openBench(database);
    const key = await before.key('timestamp');
    await before.publish(key, timestamp(41));
    const after = await openBench(database);
    expect(await after.sign(key, timestamp(41, NOW + DAY))).toMatchObject({ code: 'stale-version', current: 41 });
    expect(await after.sign(key, timestamp(42))).toEqual(signed);
  });

  it.skipIf(skip)('signs the same bytes again', async () => {
    const database = await create();
    const key = await (await openBench(database)).key('timestamp', 'ecdsa-p256-sha256');
    await (await openBench(database)).publish(key, timestamp(41));
    expect(await (await openBench(database)).sign(key, timestamp(41))).toEqual(signed);
  });

  it.skipIf(skip)('skips what was reserved, and says so', async () => {
    const database = await create();
    const before = await openBench(database);
    const key = await before.key('timestamp');
    for (const version of [1, 2, 3, 4]) await before.publish(key, timestamp(version));
    const after = await openBench(database);
    expect(await after.sign(key, timestamp(5))).toEqual({ code: 'stale-version', current: 33 });
    expect(await after.sign(key, timestamp(34))).toEqual(signed);
  });

  it.skipIf(skip)('keeps the floor of a snapshot', async () => {
    const database = await create();
    const before = await openBench(database);
    const key = await before.key('snapshot');
    const first = await before.publish(key, snapshot(1, { targets: 5, a: 2 }));
    const second = await before.publish(key, snapshot(2, { targets: 5, a: 2 }), first);
    const after = await openBench(database);
    expect(await after.sign(key, snapshot(3, { targets: 4, a: 2 }), followsOf(second))).toMatchObject({
      code: 'policy',
    });
    expect(await after.sign(key, snapshot(3, { targets: 6, a: 2 }), followsOf(second))).toEqual(signed);
  });

  it.skipIf(skip)('keeps how far the snapshots went that timestamps named', async () => {
    const database = await create();
    const before = await openBench(database);
    const key = await before.key('timestamp');
    for (const version of [1, 2, 3]) await before.publish(key, timestamp(version, NOW + DAY, 10 * version));
    const after = await openBench(database);
    expect(await after.sign(key, timestamp(40, NOW + DAY, 2_000_000))).toMatchObject({ code: 'policy' });
    expect(await after.sign(key, timestamp(40, NOW + DAY, 40))).toEqual(signed);
  });

  it.skipIf(skip)('beside another on the same database never signs a version twice', async () => {
    const database = await create();
    const benches = [await openBench(database), await openBench(database)] as const;
    const key = await benches[0].key('timestamp');
    const versions: number[] = [];
    for (let turn = 0; turn < 100; turn++) {
      const bench = benches[turn % 3 === 0 ? 1 : 0];
      let next = 1;
      for (;;) {
        const outcome = await bench.sign(key, timestamp(next, NOW + DAY + turn * 1000));
        if ('signature' in outcome) break;
        if (outcome.code !== 'stale-version') throw new Error(outcome.code);
        next = (outcome.current ?? 0) + 1;
      }
      versions.push(next);
    }
    expect(new Set(versions).size).toBe(100);
  });

  it.skipIf(skip)('forgets a deleted key', async () => {
    const database = await create();
    const bench = await openBench(database);
    const key = await bench.key('timestamp');
    // refused, but the key is in memory now
    expect(await bench.sign(key, timestamp(1, NOW + 100 * DAY))).toMatchObject({ code: 'policy' });
    await bench.service.removeKey(key.id);
    await bench.service.removeKey(key.id);
    expect(await bench.sign(key, timestamp(2))).toMatchObject({ code: 'not-found' });
    await expect(bench.service.findKey(key.id)).rejects.toMatchObject({ code: 'not-found' });
  });

  it.skipIf(skip)('does not delete a key that another signer has used', async () => {
    const database = await create();
    const [one, other] = [await openBench(database), await openBench(database)];
    const key = await one.key('timestamp');
    expect(await other.sign(key, timestamp(1, NOW + 100 * DAY))).toMatchObject({ code: 'policy' });
    await one.publish(key, timestamp(1));
    await expect(other.service.removeKey(key.id)).rejects.toMatchObject({ code: 'policy' });
    expect(await other.sign(key, timestamp(2))).toEqual(signed);
  });

  it.skipIf(skip)('commits many keys side by side', async () => {
    const bench = await openBench(await create());
    const keys = await Promise.all(Array.from({ length: 40 }, () => bench.key('snapshot')));
    for (const version of [1, 2, 3]) {
      const outcomes = await Promise.all(keys.map((key) => bench.sign(key, snapshot(version, { targets: version }))));
      expect(outcomes).toEqual(keys.map(() => signed));
    }
    const states = await Promise.all(keys.map(async (key) => (await bench.store.find(key.id))?.state.highest));
    expect(states).toEqual(keys.map(() => 3));
  });
});

describe('a floor that was told in advance', () => {
  it('is durable', async () => {
    const database = await newDatabase();
    const before = await openBench(database);
    const key = await before.key('timestamp');
    await before.tell(key, await before.publish(key, timestamp(1, NOW + DAY, 5)));
    const after = await openBench(database);
    expect(await after.sign(key, timestamp(3, NOW + DAY, 4))).toMatchObject({ code: 'policy' });
  });

  it('costs a publish no write of its own', async () => {
    const bench = await openBench(await newDatabase());
    const [snapshots, timestamps] = [await bench.key('snapshot'), await bench.key('timestamp')];
    let writes = 0;
    const advance = bench.store.advance.bind(bench.store);
    bench.store.advance = (steps) => {
      writes += 1;
      return advance(steps);
    };
    let published: { snapshot: Uint8Array; timestamp: Uint8Array } | undefined;
    let next = 1;
    for (let version = 1; version <= 100; version++) {
      // As the server does it: the snapshot and what is published first, the timestamp then.
      const payload = snapshot(version, { targets: version });
      const told = published === undefined ? [] : [publishedOf(timestamps, published.timestamp)];
      const [signing] = await bench.service.sign(
        [itemOf(snapshots, payload, followsOf(published?.snapshot))],
        NOW,
        told,
      );
      if (signing?.kind !== 'signed') throw new Error('not signed');
      const stamp = timestamp(next, NOW + DAY, version);
      const outcome = await bench.sign(timestamps, stamp, followsOf(published?.timestamp));
      if (!('signature' in outcome)) throw new Error(outcome.code);
      published = {
        snapshot: envelopeOf(snapshots, payload, signing.signature),
        timestamp: envelopeOf(timestamps, stamp, outcome.signature),
      };
      next += 1;
    }
    expect(writes).toBeLessThan(100 + 8);
  });
});

describe('a key that dropped out of memory', () => {
  it('comes back with its versions', async () => {
    const bench = await openBench(await newDatabase(), { cachedKeys: 1 });
    const [one, other] = [await bench.key('timestamp'), await bench.key('timestamp')];
    for (const version of [1, 2, 3]) {
      await bench.publish(one, timestamp(version));
      await bench.publish(other, timestamp(version));
    }
    expect(await bench.sign(one, timestamp(3, NOW + DAY))).toEqual({ code: 'stale-version', current: 3 });
  });
});

describe('a write that fails', () => {
  const full = new CountersignError('storage-full', 'full');

  it.each([
    ['and was not done', false],
    ['though it was done', true],
  ])('%s yields no signature, and the next request goes on from the truth', async (_, done) => {
    const database = await newDatabase();
    const bench = await openBench(database);
    const key = await bench.key('timestamp');
    await bench.publish(key, timestamp(1));
    const advance = bench.store.advance.bind(bench.store);
    bench.store.advance = async (steps) => {
      if (done) await advance(steps);
      throw full;
    };
    expect(await bench.sign(key, timestamp(2))).toMatchObject({ code: 'storage-full' });
    bench.store.advance = advance;
    const highest = (await bench.store.find(key.id))?.state.highest;
    expect(highest === 1).toBe(!done);
    expect(await bench.sign(key, timestamp((highest ?? 0) + 1))).toEqual(signed);
  });

  it('at a full disk is called so, and works again when there is room', async () => {
    const knex = connect(await newDatabase());
    const store = new KeyStore(knex);
    onTestFinished(() => store.close());
    const bench = await benchOn(store);
    const key = await bench.key('snapshot');
    const listed = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`role-${index}`, 1]));
    const first = await bench.publish(key, snapshot(1, listed));
    await knex.raw('PRAGMA max_page_count = 1');
    expect(await bench.sign(key, snapshot(2, listed), followsOf(first))).toMatchObject({ code: 'storage-full' });
    await knex.raw('PRAGMA max_page_count = 1000000');
    expect(await bench.sign(key, snapshot(2, listed), followsOf(first))).toEqual(signed);
  });
});

describe('steps that wait for the same commit', () => {
  it('share one, and each is told its own outcome', async () => {
    const groups: string[][] = [];
    const store: Pick<KeyStore, 'advance'> = {
      advance: async (steps) => {
        groups.push(steps.map(({ id }) => id));
        await new Promise((resolve) => setTimeout(resolve, 5));
        return new Set(['a', 'c', 'd']);
      },
    };
    const commits = new GroupCommit(store);
    const step = (id: string): Advance => ({ id, before: NEVER_SIGNED, after: { ...NEVER_SIGNED, highest: 1 } });
    const early = [commits.advance(step('a')), commits.advance(step('b'))];
    await new Promise((resolve) => setTimeout(resolve, 2));
    const late = [commits.advance(step('c')), commits.advance(step('d'))];
    expect(await Promise.all([...early, ...late])).toEqual([true, false, true, true]);
    expect(groups).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });
});
