import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { migrate, openStore, type PostgresConfig } from '../../packages/server/src/store/index.js';
import { findPostgres, run, startPostgres, type Postgres } from '../support/postgres.js';
import { firstPublish, gun, nextPublish } from './commits.js';
import type { TestEngine } from './database.js';
import { migrationContract } from './migrations.js';
import { postgresEngine } from './postgres-database.js';
import { storeContract } from './store.js';
import { targetFilesContract } from './target-files.js';
import { inRows } from './target-places.js';

const APP = gun('example.com/app');
const found = findPostgres();
const skipped = 'bin' in found ? '' : `: skipped, ${found.missing} is missing`;

describe.skipIf(!('bin' in found))(`on PostgreSQL${skipped}`, () => {
  let postgres: Postgres;
  let shared: TestEngine;
  const engine: TestEngine = { create: () => shared.create() };
  beforeAll(async () => {
    if (!('bin' in found)) throw new Error(`${found.missing} is missing`);
    postgres = await startPostgres(found.bin);
    shared = postgresEngine(postgres);
  });
  afterAll(() => postgres.stop());

  describe('Store', () => storeContract(engine));

  describe('TargetFiles', () => targetFilesContract(() => inRows(engine)));

  describe('migrations', () => {
    migrationContract(async () => {
      const url = await postgres.create();
      return { config: { client: 'postgres', url }, remove: () => postgres.drop(url) };
    });
  });

  describe('on bad days', () => {
    let config: PostgresConfig;
    beforeEach(async () => {
      config = { client: 'postgres', url: await postgres.create() };
      await migrate(config);
    });

    test('a server that has crashed is unavailable; when it is back, so is everything acknowledged', async () => {
      const store = await openStore(config);
      try {
        await store.commit(firstPublish(APP));
        await postgres.crash();
        await expect(store.ping()).rejects.toMatchObject({ code: 'unavailable' });
        await expect(store.head(APP)).rejects.toMatchObject({ code: 'unavailable' });
        await expect(store.commit(firstPublish(gun('example.com/b')))).rejects.toMatchObject({ code: 'unavailable' });
        await expect(openStore(config)).rejects.toMatchObject({ code: 'unavailable' });
        await postgres.start();
        const head = await store.head(APP);
        expect(head?.timestamp.version).toBe(1);
        expect((await store.commit(nextPublish(APP, head!.id, 2))).kind).toBe('committed');
      } finally {
        await store.close();
      }
    });

    test('connections cut in the middle of commits: after each unknown outcome the head says what happened', async () => {
      const store = await openStore(config);
      try {
        const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE application_name = 'countersign-server' AND datname = current_database()`;
        const cutting = new AbortController();
        const cutter = (async () => {
          while (!cutting.signal.aborted) await run(config.url, cut);
        })();
        let rejected = 0;
        let version = 0;
        for (let round = 0; round < 500 && (rejected < 5 || version < 5); round += 1) {
          const before = await store.head(APP).catch(() => null);
          if (before === null) continue;
          const commit = before === undefined ? firstPublish(APP) : nextPublish(APP, before.id, version + 1);
          const outcome = await store.commit(commit).catch((error: unknown) => error);
          if (outcome instanceof Error) {
            expect(outcome).toMatchObject({ code: 'unavailable' });
            rejected += 1;
          } else expect(outcome).toMatchObject({ kind: 'committed' });
          version = await settled(store);
          expect([commit.timestamp.version - 1, commit.timestamp.version]).toContain(version);
        }
        cutting.abort();
        await cutter;
        expect(Math.min(rejected, version)).toBeGreaterThanOrEqual(5);
        expect(await run(config.url, 'SELECT 1 FROM heads')).toHaveLength(version);
        expect(await run(config.url, 'SELECT 1 FROM changes')).toHaveLength(version);
      } finally {
        await store.close();
      }
    });

    async function settled(store: Awaited<ReturnType<typeof openStore>>): Promise<number> {
      for (;;) {
        const head = await store.head(APP).catch(() => null);
        if (head !== null) return head?.timestamp.version ?? 0;
      }
    }

    test('a database set to lose commits in a crash is not obeyed', async () => {
      const database = new URL(config.url).pathname.slice(1);
      await run(config.url, `ALTER DATABASE ${database} SET synchronous_commit = off`);
      const store = await openStore(config);
      try {
        await store.commit(firstPublish(APP));
        await postgres.crash();
        await postgres.start();
        expect(await store.head(APP)).toBeDefined();
      } finally {
        await store.close();
      }
    });

    test('a collection whose commit hangs in another process keeps no other collection waiting', async () => {
      const store = await openStore(config);
      try {
        await store.commit(firstPublish(APP));
        const head = (await store.head(APP))!.id;
        const hanging = run(
          config.url,
          `BEGIN; UPDATE collections SET renew_at = 1 WHERE gun = '${APP}'; SELECT pg_sleep(1); ROLLBACK`,
        );
        const waiting = Array.from({ length: 6 }, () => store.commit(nextPublish(APP, head, 2)));
        expect((await store.commit(firstPublish(gun('example.com/b')))).kind).toBe('committed');
        expect(await store.timestamp(APP)).toBeDefined();
        await hanging;
        const kinds = (await Promise.all(waiting)).map(({ kind }) => kind).sort();
        expect(kinds).toEqual(['committed', 'lost', 'lost', 'lost', 'lost', 'lost']);
      } finally {
        await store.close();
      }
    });
  });
});
