import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { CountersignError } from '@countersign/client/tuf';
import { importNotary, type NotarySource } from '../../packages/server/src/import-notary.js';
import { nodeCrypto } from '@countersign/client/node';
import { NotaryDatabase } from '../../packages/server/src/notary/database.js';
import { importCollections, type CollectionsImport } from '../../packages/server/src/notary/import-collections.js';
import type { OpenSigner } from '../../packages/server/src/signer.js';
import type { Imported } from '../../packages/server/src/notary/summary.js';
import { target } from '../simulator/notary.js';
import { ByHand } from '../support/by-hand.js';
import { CachingReader } from '../support/caching-reader.js';
import {
  NOTARY_ENGINES,
  type NotaryEngine,
  type NotaryTables,
  type RunningEngine,
} from '../support/notary-database.js';
import { historyOf, postImport } from '../support/history.js';
import { NotaryPublisher, outcome } from '../support/notary-publisher.js';
import { SILENT } from '../support/world.js';

interface FileRow {
  readonly id: number;
  readonly gun: string;
  readonly role: string;
  readonly version: number;
  readonly sha256: string;
  readonly created_at: number;
  readonly bytes: Buffer;
}

/** Everything a server of ours has published, as a Notary server would have it in its tables. */
async function moveToNotary({ world }: ByHand, tables: NotaryTables): Promise<void> {
  await fetch(`${world.url}/v2/_trust/changefeed?records=1`); // gives the lines their numbers
  const database = new Database(join(world.directory, 'server.db'), { readonly: true });
  const files = database
    .prepare('SELECT f.*, c.gun FROM files f JOIN collections c ON c.id = f.collection_id')
    .all() as FileRow[];
  const changes = database.prepare('SELECT * FROM changes').all() as (Omit<FileRow, 'bytes'> & {
    readonly number: number;
    readonly category: string;
  })[];
  database.close();
  await tables.run('DELETE FROM changefeed');
  await tables.run('DELETE FROM tuf_files');
  for (const { id, gun, role, version, sha256, created_at, bytes } of files) {
    const row = { id, gun, role, version, sha256, data: bytes, created_at: new Date(created_at) };
    await tables.insert('tuf_files', row);
  }
  for (const { number, gun, version, sha256, category, created_at } of changes) {
    const row = { id: number, gun, version, sha256, category, created_at: new Date(created_at) };
    await tables.insert('changefeed', row);
  }
}

/** Every file, with its date as the engine keeps it: Notary's dates in MySQL have whole seconds. */
function stored({ world }: ByHand, { name }: NotaryEngine): readonly object[] {
  const database = new Database(join(world.directory, 'server.db'), { readonly: true });
  const sql = 'SELECT role, version, sha256, created_at, bytes FROM files ORDER BY role, version';
  const rows = database.prepare(sql).all() as FileRow[];
  database.close();
  const unit = name === 'mysql' ? 1_000 : 1;
  return rows.map((row) => ({ ...row, created_at: Math.floor(row.created_at / unit) }));
}

const NOTHING = { added: 0, updated: 0, known: 0, past: 0, lines: 0, faults: 0 };

describe.each(NOTARY_ENGINES)('taking a Notary server over from $name', (engine) => {
  describe.skipIf(engine.missing.length > 0)(engine.missing.map((program) => `skipped, no ${program}`).join(), () => {
    let running: RunningEngine;
    let tables: NotaryTables;
    /** Plays the Notary server, and keeps the signer that both use. */
    let old: ByHand;
    let own: ByHand;
    beforeAll(async () => {
      running = await engine.start();
    }, 60_000);
    afterAll(() => running.stop());
    beforeEach(async () => {
      tables = await running.create('server');
      old = await ByHand.start();
      own = await ByHand.start({}, { signerOf: old.world });
    });
    afterEach(async () => {
      await own.stop();
      await old.stop();
    });

    async function run(
      options: Partial<NotarySource> = {},
    ): Promise<{ readonly imported: Imported; readonly lines: readonly string[] }> {
      const lines: string[] = [];
      const imported = await importNotary(
        await own.world.serverConfig(),
        { url: tables.url, names: [], mode: 'write', report: (line) => void lines.push(line), ...options },
        { clock: own.clock.now, log: SILENT },
      );
      return { imported, lines };
    }

    /** Where publishers and readers go. */
    let visited: ByHand;
    beforeEach(() => {
      visited = old;
    });
    const where = {
      get url() {
        return visited.world.url;
      },
      get clock() {
        return visited.clock;
      },
    };

    const begin = (name: string, options?: Parameters<NotaryPublisher['draft']>[0]): Promise<NotaryPublisher> =>
      NotaryPublisher.begin(where, `import/${name}`, options);

    function publish(publisher: NotaryPublisher, name: string): Promise<void> {
      const targets = publisher.advance('targets', (document) =>
        Object.assign(document.targets, { [name]: target(name) }),
      );
      return publisher.publish(publisher.withSnapshot({ targets }));
    }

    it('serves every version and line as it was, signs on with the same keys, and takes the next publish', async () => {
      const publisher = await begin('app');
      for (const name of ['v1', 'v2']) await publish(publisher, name);
      const reader = new CachingReader(publisher);
      const before = await reader.versions();
      await moveToNotary(old, tables);
      expect(await run()).toEqual({ imported: { ...NOTHING, added: 1, past: 6, lines: 3 }, lines: [] });

      expect(stored(own, engine)).toEqual(stored(old, engine));
      const asked = { gun: undefined, after: 0, before: undefined, limit: 100 };
      const line = ({ id, gun, version, sha256, category }: Awaited<ReturnType<typeof old.store.changes>>[number]) => ({
        id,
        gun,
        version,
        sha256,
        category,
      });
      expect((await own.store.changes(asked)).map(line)).toEqual((await old.store.changes(asked)).map(line));

      expect(await own.collections.renewDue()).toEqual({ renewed: 1, failed: 0 });
      visited = own;
      expect(await reader.versions()).toEqual({ ...before, timestamp: before.timestamp + 1 });
      await publish(publisher, 'v3');
      expect(await reader.versions()).toMatchObject({ targets: before.targets + 1, root: before.root });
    });

    it('run again finds nothing new; what was published there since is added, past and feed with it', async () => {
      const publisher = await begin('app');
      await moveToNotary(old, tables);
      await run();
      expect((await run()).imported).toEqual({ ...NOTHING, known: 1 });
      await publish(publisher, 'v1');
      await publish(publisher, 'v2');
      await begin('late');
      await moveToNotary(old, tables);
      expect((await run()).imported).toEqual({ ...NOTHING, added: 1, updated: 1, past: 3, lines: 3 });
      visited = own;
      expect(await new CachingReader(publisher).versions()).toMatchObject({ targets: 3, timestamp: 3 });
    });

    it('a dry run verifies everything, counts, and changes nothing', async () => {
      const publisher = await begin('app');
      await publish(publisher, 'v1');
      await moveToNotary(old, tables);
      await tables.run(`UPDATE tuf_files SET sha256 = ? WHERE role = 'targets' AND version = 1`, 'ab'.repeat(32));
      const dry = await run({ mode: 'dry-run' });
      expect(dry.imported).toEqual({ ...NOTHING, added: 1, past: 2, lines: 2, faults: 1 });
      expect(dry.lines).toEqual([
        'not verified: import/app targets 1: targets 1 is not the file its row has the SHA-256 of',
      ]);
      expect(await own.store.head(publisher.gun as never)).toBeUndefined();
      expect(await run()).toEqual(dry);
      expect((await run({ mode: 'dry-run' })).imported).toEqual({ ...NOTHING, known: 1 });
    });

    it.each([
      ['before', 0],
      ['before', 1],
      ['after', 0],
      ['after', 1],
    ] as const)('cut off %s it has added past for the %ith time, it goes on when run again', async (when, at) => {
      const publisher = await begin('app');
      for (const name of ['v1', 'v2']) await publish(publisher, name);
      await moveToNotary(old, tables);
      const source = new NotaryDatabase(tables.url);
      onTestFinished(() => source.close());
      const { collections, store, signer } = own;
      let calls = 0;
      const addPast: typeof collections.addPast = async (request) => {
        const isLast = calls++ === at;
        if (isLast && when === 'before') throw new CountersignError('unavailable', 'cut off');
        const added = await collections.addPast(request);
        if (isLast) throw new CountersignError('unavailable', 'cut off');
        return added;
      };
      const parts: CollectionsImport = {
        source,
        signer: signer as OpenSigner,
        here: store,
        into: { collections: { ...collections, addPast }, store },
        mode: 'write',
        changefeed: 'none',
        crypto: nodeCrypto,
        now: own.clock.now,
        maxMetadata: 1 << 20,
        report: () => undefined,
      };
      await expect(importCollections(parts, undefined)).rejects.toThrow('cut off');
      const { imported } = await run();
      expect(imported).toMatchObject({ known: 1, lines: 3, faults: 0 });
      expect(stored(own, engine)).toEqual(stored(old, engine));
    });

    it('rows of servers that kept no hashes are taken, and known again', async () => {
      const publisher = await begin('app');
      await publish(publisher, 'v1');
      await moveToNotary(old, tables);
      await tables.run('UPDATE tuf_files SET sha256 = NULL');
      expect((await run()).imported).toEqual({ ...NOTHING, added: 1, past: 3, lines: 2 });
      expect((await run()).imported).toEqual({ ...NOTHING, known: 1 });
      expect(stored(own, engine)).toEqual(stored(old, engine));
    });

    it('of more current metadata than this server takes, nothing is read', async () => {
      await begin('app');
      await moveToNotary(old, tables);
      const config = await own.world.serverConfig();
      const lines: string[] = [];
      const imported = await importNotary(
        { ...config, policy: { ...config.policy, maxMetadata: 1_000 } },
        { url: tables.url, names: [], mode: 'write', report: (line) => void lines.push(line) },
        { clock: own.clock.now, log: SILENT },
      );
      expect(imported).toMatchObject({ added: 0, faults: 1 });
      expect(lines).toEqual(['left out: "import/app": its files have more than 1000 bytes (policy.maxMetadata)']);
    });

    it('versions signed with keys that were replaced are verified by what listed those keys', async () => {
      const publisher = await begin('app');
      const delegated = async (): Promise<void> => {
        const targets = publisher.advance('targets');
        await publisher.publish({ targets, 'targets/alice': publisher.advance('targets/alice') });
      };
      const document = publisher.documents.get('targets')!;
      publisher.delegate(document, 'targets/alice');
      await delegated();
      const alice = publisher.documents.get('targets/alice')!;
      delete document.delegations;
      const next = publisher.documents.get('targets')!;
      delete next.delegations;
      publisher.delegate(next, 'targets/alice');
      publisher.documents.set('targets/alice', alice);
      await delegated();
      await publish(publisher, 'v1');
      await moveToNotary(old, tables);
      const { imported, lines } = await run();
      expect(lines).toEqual([]);
      expect(imported).toMatchObject({ added: 1, faults: 0 });
      expect(await own.store.file(publisher.gun as never, 'targets/alice' as never, 1 as never)).toBeDefined();
    });

    it('a collection whose current set does not verify is left out, with all of its past', async () => {
      await begin('good');
      const bad = await begin('bad');
      await publish(bad, 'v1');
      await moveToNotary(old, tables);
      const row = await own.world.serverConfig().then(() => old.store.head(bad.gun as never));
      const forged = Buffer.from(Buffer.from(row!.root.bytes).toString().replace('"expires":"20', '"expires":"21'));
      await tables.run(
        `UPDATE tuf_files SET data = ?, sha256 = NULL WHERE gun = 'import/bad' AND role = 'root'`,
        forged,
      );
      const { imported, lines } = await run();
      expect(imported).toMatchObject({ added: 1, past: 0, faults: 1 });
      expect(lines).toEqual([
        expect.stringMatching(/^left out: "import\/bad": root carries 0 of the 1 valid signatures/u),
      ]);
      expect(await own.store.head(bad.gun as never)).toBeUndefined();
    });

    it('a forged earlier version whose row fits it is listed and not taken', async () => {
      const publisher = await begin('app');
      await publish(publisher, 'v1');
      await moveToNotary(old, tables);
      const first = await old.store.file(publisher.gun as never, 'targets' as never, 1 as never);
      const forged = Buffer.from(Buffer.from(first!.bytes).toString().replace('"expires":"20', '"expires":"21'));
      await tables.run(`UPDATE tuf_files SET data = ?, sha256 = NULL WHERE role = 'targets' AND version = 1`, forged);
      const { imported, lines } = await run();
      expect(imported).toMatchObject({ added: 1, past: 2, faults: 1 });
      expect(lines).toEqual([
        expect.stringMatching(/^not verified: import\/app targets 1: targets carries 0 of the 1/u),
      ]);
    });

    it('without the keys in the signer a collection is left out', async () => {
      const stranger = await ByHand.start();
      const publisher = await NotaryPublisher.begin(stranger.world, 'import/app');
      await moveToNotary(stranger, tables);
      await stranger.stop();
      const { imported, lines } = await run();
      expect(imported).toMatchObject({ added: 0, faults: 1 });
      expect(lines).toEqual([
        `left out: "${publisher.gun}": the signer does not hold 1 of the timestamp keys that root version 1 names; run countersign-signer import-notary first`,
      ]);
    });

    it('a timestamp key that the signer holds for another collection does not count', async () => {
      const publisher = await begin('app');
      await moveToNotary(old, tables);
      await tables.run(`UPDATE tuf_files SET gun = 'import/other'`);
      expect((await run()).lines).toEqual([
        expect.stringMatching(/^left out: "import\/other": the signer does not hold 1 of the timestamp keys/u),
      ]);
      expect(await own.store.head(publisher.gun as never)).toBeUndefined();
    });

    it('snapshots that the publisher signs go on being theirs', async () => {
      const publisher = await begin('app', { snapshots: 'client' });
      await publish(publisher, 'v1');
      await moveToNotary(old, tables);
      expect((await run()).imported).toMatchObject({ added: 1, faults: 0 });
      expect(await own.store.onlineKeys(publisher.gun as never, 'snapshot')).toEqual([]);
      visited = own;
      expect(outcome(await publisher.snapshotOnly())).toBe('200');
    });

    it('a collection that was published to here is left alone', async () => {
      const publisher = await begin('app');
      await moveToNotary(old, tables);
      await run();
      visited = own;
      await publish(publisher, 'here');
      const { imported, lines } = await run();
      expect(imported).toMatchObject({ updated: 0, known: 0, faults: 1 });
      expect(lines).toEqual([
        'left out: "import/app": diverged: this server has signed timestamp 2 of it, which the other one does not have',
      ]);
    });

    it('a read-only copy becomes one that is signed here with the next publish there, and not before', async () => {
      const publisher = await begin('app');
      const copied = await postImport(own.world.url, publisher.gun, await historyOf(publisher));
      expect(copied.status).toBe(200);
      await moveToNotary(old, tables);
      expect((await run()).lines).toEqual([
        'left out: "import/app": a read-only copy of it is here; delete that and run this again',
      ]);
      await publish(publisher, 'v1');
      await moveToNotary(old, tables);
      expect((await run()).imported).toMatchObject({ updated: 1, faults: 0 });
      visited = own;
      await publish(publisher, 'v2');
    });

    it('named collections are taken alone, each with its own line of the changefeed', async () => {
      await begin('one');
      await begin('two');
      await moveToNotary(old, tables);
      const { imported } = await run({ names: ['import/two'] });
      expect(imported).toEqual({ ...NOTHING, added: 1, lines: undefined });
      const changes = await own.store.changes({ gun: undefined, after: 0, before: undefined, limit: 10 });
      expect(changes.map(({ gun }) => gun)).toEqual(['import/two']);
      expect((await run({ names: ['import/three'] })).lines).toEqual([
        'left out: "import/three": there is no root of it',
      ]);
    });

    it('what is deleted there before is nothing to take, and after is told', async () => {
      await begin('gone');
      await old.collections.remove('import/gone' as never);
      await begin('app');
      await moveToNotary(old, tables);
      expect(await run()).toEqual({ imported: { ...NOTHING, added: 1, lines: 3 }, lines: [] });
      await old.collections.remove('import/app' as never);
      await moveToNotary(old, tables);
      const { imported, lines } = await run();
      expect(imported).toEqual({ ...NOTHING, lines: 1, faults: 1 });
      expect(lines).toEqual(['deleted on the other server, and still here: import/app']);
      expect(await own.store.head('import/app' as never)).toBeDefined();
    });

    it('names that differ in case are two collections', async () => {
      const lower = await begin('app');
      await publish(lower, 'v1');
      await moveToNotary(old, tables);
      await tables.run(`UPDATE tuf_files SET gun = 'import/APP' WHERE version = 2`);
      const { lines } = await run();
      expect(lines).toEqual(['left out: "import/APP": there is no root of it']);
      expect((await own.store.head(lower.gun as never))?.timestamp.version).toBe(1);
    });

    it('impossible names are listed, of collections and in the changefeed', async () => {
      await begin('app');
      await moveToNotary(old, tables);
      await tables.run(`UPDATE tuf_files SET gun = 'a/../b'`);
      await tables.run(`UPDATE changefeed SET gun = 'a/../b'`);
      const { imported, lines } = await run();
      expect(imported).toEqual({ ...NOTHING, faults: 2 });
      expect(lines).toEqual([
        expect.stringContaining('left out: "a/../b": collection name "a/../b" has a ".." segment'),
        expect.stringContaining('left out: line 1 of the changefeed: collection name "a/../b" has a ".." segment'),
      ]);
    });

    it('a database of something else is refused', async () => {
      const other = await running.create('signer');
      await expect(run({ url: other.url })).rejects.toMatchObject({
        code: 'usage',
        message: expect.stringContaining('no table tuf_files') as string,
      });
      await expect(run({ url: 'sqlite:notary.db' })).rejects.toBeInstanceOf(CountersignError);
    });
  });
});
