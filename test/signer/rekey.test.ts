import { describe, expect, it } from 'vitest';
import { rekey } from '../../packages/signer/src/rekey.js';
import type { KeyStore } from '../../packages/signer/src/store.js';
import { KEKS, keksFor, newDatabase, openBench, openStore, timestamp } from './workbench.js';

const BOTH = [...KEKS, { alias: 'second', passphrase: 'battery staple' }];
const ROWS = 6;

async function prepared(): Promise<{ database: Awaited<ReturnType<typeof newDatabase>>; ids: readonly string[] }> {
  const database = await newDatabase();
  const bench = await openBench(database, { secrets: BOTH });
  const ids: string[] = [];
  for (let made = 0; made < ROWS; made++) ids.push((await bench.key('timestamp')).id);
  return { database, ids };
}

/** Fails at the `at`-th write, before or after it was done. */
function killedAt(store: KeyStore, at: number, done: boolean): void {
  const reseal = store.reseal.bind(store);
  let writes = 0;
  store.reseal = async (...args) => {
    writes += 1;
    if (writes === at && !done) throw new Error('killed');
    const changed = await reseal(...args);
    if (writes === at) throw new Error('killed');
    return changed;
  };
}

async function run(
  database: Awaited<ReturnType<typeof newDatabase>>,
  prepare?: (store: KeyStore) => void,
): Promise<string[]> {
  const store = openStore(database);
  prepare?.(store);
  const lines: string[] = [];
  await rekey(store, await keksFor(store, BOTH), 'second', ({ done, total }) => void lines.push(`${done} of ${total}`));
  return lines;
}

describe('rekey', () => {
  it('re-seals every row and says how far it is', async () => {
    const { database } = await prepared();
    expect(await run(database)).toEqual(Array.from({ length: ROWS }, (_, index) => `${index + 1} of ${ROWS}`));
    expect(await openStore(database).sealedWith()).toEqual([{ alias: 'second', keys: ROWS }]);
    const only = BOTH.slice(1);
    const bench = await openBench(database, { secrets: only });
    const { ids } = { ids: await openStore(database).notSealedWith('none', '', 100) };
    for (const id of ids)
      expect(await bench.sign(await bench.service.findKey(id), timestamp(1))).toHaveProperty('signature');
  });

  describe.each([
    ['before', false],
    ['after', true],
  ])('killed %s writing a row', (_, done) => {
    it.each(Array.from({ length: ROWS }, (__, index) => index + 1))(
      'number %i loses nothing and goes on',
      async (at) => {
        const { database, ids } = await prepared();
        await expect(run(database, (store) => killedAt(store, at, done))).rejects.toThrow('killed');
        const halfway = await openBench(database, { secrets: BOTH });
        for (const id of ids) {
          expect(await halfway.sign(await halfway.service.findKey(id), timestamp(1))).toHaveProperty('signature');
        }
        expect(await run(database)).toHaveLength(ROWS - at + (done ? 0 : 1));
        const bench = await openBench(database, { secrets: BOTH.slice(1) });
        for (const id of ids) {
          expect(await bench.sign(await bench.service.findKey(id), timestamp(2))).toHaveProperty('signature');
        }
      },
    );
  });

  it('beside a running signer disturbs no signature, and takes the keys made meanwhile', async () => {
    const { database, ids } = await prepared();
    const bench = await openBench(database, { secrets: BOTH });
    const keys = await Promise.all(ids.map((id) => bench.service.findKey(id)));
    const made: string[] = [];
    const meanwhile = (store: KeyStore): void => {
      const reseal = store.reseal.bind(store);
      store.reseal = async (...args) => {
        if (made.length < 3) made.push((await bench.key('timestamp')).id);
        for (const key of keys) expect(await bench.sign(key, timestamp(made.length))).toHaveProperty('signature');
        return reseal(...args);
      };
    };
    await run(database, meanwhile);
    expect(made).toHaveLength(3);
    expect(await openStore(database).sealedWith()).toEqual([{ alias: 'second', keys: ROWS + 3 }]);
  });

  it('passes over a key that is deleted before its turn', async () => {
    const { database } = await prepared();
    const lines = await run(database, (store) => {
      const find = store.find.bind(store);
      let finds = 0;
      store.find = async (id) => {
        finds += 1;
        if (finds === 2) await store.removeUnused(id);
        return find(id);
      };
    });
    expect(lines).toHaveLength(ROWS - 1);
  });
});
