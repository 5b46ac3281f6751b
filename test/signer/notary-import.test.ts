import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createHash } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { formatNamed, instant, type Version } from '@countersign/client/tuf';
import { connect, type DatabaseConfig } from '../../packages/signer/src/connect.js';
import { GroupCommit } from '../../packages/signer/src/group-commit.js';
import { signingKey } from '../../packages/signer/src/algorithms.js';
import { Keyring } from '../../packages/signer/src/keyring.js';
import { connectNotary } from '../../packages/signer/src/notary/connect.js';
import { NotaryDatabase } from '../../packages/signer/src/notary/database.js';
import { takeOver, type TakenOver } from '../../packages/signer/src/notary/take-over.js';
import { readProposal } from '../../packages/signer/src/reading.js';
import {
  NOTARY_ENGINES,
  WRITTEN,
  type NotaryTables,
  type RunningEngine,
  type WrittenRows,
} from '../support/notary-database.js';
import { DAY, NOW, keksFor, newDatabase, openStore } from './workbench.js';

const notary1 = formatNamed('notary-1');
const PASSPHRASE = Buffer.from('a passphrase');
const PASSPHRASES = { NOTARY_SIGNER_PEER: 'a passphrase' };
const ECDSA = WRITTEN.keys[0]!;

/** Rows as Notary has them; `change` is what a test does to one. */
function keyRow(key: WrittenRows['keys'][number], change: Readonly<Record<string, string | Date | Buffer>> = {}) {
  return {
    created_at: new Date(`${key.created_at.replace(' ', 'T').slice(0, 19)}Z`),
    key_id: key.key_id,
    encryption_alg: 'A256GCM',
    keywrap_alg: 'PBES2-HS256+A128KW',
    algorithm: key.algorithm,
    passphrase_alias: 'peer',
    public: Buffer.from(key.public, 'base64'),
    private: Buffer.from(key.private),
    gun: key.gun,
    role: key.role,
    last_used: key.used ? new Date('2026-11-24T23:34:18Z') : null,
    ...change,
  };
}

async function fill(tables: NotaryTables, upTo = 4): Promise<void> {
  for (const key of WRITTEN.keys) await tables.insert('private_keys', keyRow(key));
  for (const { data, ...file } of WRITTEN.files) {
    if (file.version <= upTo) await tables.insert('tuf_files', { ...file, data: Buffer.from(data) });
  }
}

/** The id this signer knows a key of Notary's by. */
function ourId({ algorithm, public: published }: WrittenRows['keys'][number]): string {
  const bytes = Buffer.from(published, 'base64');
  const spki = algorithm === 'ed25519' ? Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes]) : bytes;
  return createHash('sha256').update(spki).digest('hex');
}

interface Run {
  readonly taken: TakenOver;
  readonly lines: readonly string[];
}

interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly mode?: 'dry-run';
}

async function run(database: DatabaseConfig, { url }: NotaryTables, options: RunOptions = {}): Promise<Run> {
  const store = openStore(database);
  const source = new NotaryDatabase(url);
  onTestFinished(() => source.close());
  const lines: string[] = [];
  const taken = await takeOver({
    keys: source,
    files: source,
    store,
    keks: options.mode === 'dry-run' ? undefined : await keksFor(store),
    environment: options.environment ?? PASSPHRASES,
    now: NOW,
    report: (line) => void lines.push(line),
  });
  return { taken, lines };
}

const ALL = { added: 6, unused: 2, raised: 0, known: 0, others: 0, faults: 0 };

describe.each(NOTARY_ENGINES)('taking a Notary signer over from $name', (engine) => {
  describe.skipIf(engine.missing.length > 0)(engine.missing.map((program) => `skipped, no ${program}`).join(), () => {
    let running: RunningEngine;
    let tables: NotaryTables;
    let database: DatabaseConfig;
    beforeAll(async () => {
      running = await engine.start();
    }, 60_000);
    afterAll(() => running.stop());
    beforeEach(async () => {
      tables = await running.create('signer', 'server');
      database = await newDatabase();
    });

    const highest = async (key: WrittenRows['keys'][number]): Promise<number | undefined> =>
      (await openStore(database).find(ourId(key)))?.state.highest;

    it('keeps every key with its date and the highest version it signed, sealed anew', async () => {
      await fill(tables);
      expect(await run(database, tables)).toEqual({ taken: ALL, lines: [] });
      const store = openStore(database);
      const keks = await keksFor(store);
      for (const key of WRITTEN.keys) {
        const found = await store.find(ourId(key));
        expect(found?.row).toMatchObject({ gun: key.gun, role: key.role, kek: 'first' });
        expect(found?.row.createdAt).toBe(Date.parse(`${key.created_at.replace(' ', 'T').slice(0, 19)}Z`));
        expect(found?.state).toEqual({ highest: key.used ? 4 : 0, payload: undefined, floor: undefined });
        // opens, and is the key of its row
        const { row } = found!;
        signingKey(row.algorithm, keks.open(row.kek, row.sealed), row.id);
      }
    });

    it('signs above what the key has signed, and nothing else', async () => {
      await fill(tables);
      await run(database, tables);
      const store = openStore(database);
      const lifetimes = { 'notary-1': { timestamp: 15 * DAY, snapshot: 15 * DAY } };
      const keyring = new Keyring(store, new GroupCommit(store), await keksFor(store), { lifetimes, cachedKeys: 10 });
      for (const key of WRITTEN.keys.filter(({ role, used }) => used && role === 'timestamp')) {
        const sign = (version: number): Promise<Uint8Array> => {
          const payload = notary1.renderTimestamp({
            version: version as Version,
            expires: instant(NOW + DAY),
            snapshot: { by: 'hashes', length: 1, hashes: new Map([['sha256', new Uint8Array(32)]]) },
          });
          const reading = readProposal({ role: 'timestamp', format: notary1, payload, follows: undefined });
          return keyring.sign({ keyId: ourId(key), gun: key.gun, reading, payload }, NOW);
        };
        await expect(sign(4)).rejects.toMatchObject({ code: 'stale-version', detail: { current: 4 } });
        expect((await sign(5)).length).toBeGreaterThan(0);
      }
    });

    it('run again adds only what is new, raises what was signed meanwhile, and lowers nothing', async () => {
      await fill(tables, 2);
      await run(database, tables);
      expect(await highest(ECDSA)).toBe(2);
      expect((await run(database, tables)).taken).toEqual({ ...ALL, added: 0, unused: 0, known: 6 });
      await tables.run('DELETE FROM private_keys');
      await tables.run('DELETE FROM tuf_files');
      await fill(tables);
      expect((await run(database, tables)).taken).toEqual({ ...ALL, added: 0, unused: 0, raised: 4, known: 2 });
      expect(await highest(ECDSA)).toBe(4);
      await tables.run('DELETE FROM tuf_files WHERE version > 1');
      expect((await run(database, tables)).taken).toMatchObject({ raised: 0, known: 6 });
      expect(await highest(ECDSA)).toBe(4);
    });

    it('only looks when told so', async () => {
      await fill(tables);
      expect(await run(database, tables, { mode: 'dry-run' })).toEqual({ taken: ALL, lines: [] });
      const knex = connect(database);
      expect([await knex('keys'), await knex('keks')]).toEqual([[], []]);
      await knex.destroy();
    });

    it('cannot write where it reads', async () => {
      await fill(tables);
      const { knex } = connectNotary(tables.url);
      onTestFinished(() => knex.destroy());
      await expect(knex('private_keys').delete()).rejects.toThrow(/read[- ]only/iu);
    });

    it('names the alias of a missing passphrase and how many keys it seals, and takes the others', async () => {
      await fill(tables);
      await tables.run(`UPDATE private_keys SET passphrase_alias = 'older' WHERE gun = 'example.com/ecdsa'`);
      const { taken, lines } = await run(database, tables);
      expect(taken).toMatchObject({ added: 3, faults: 3 });
      expect(lines).toEqual([
        'left out: 3 keys of the passphrase alias "older": the variable NOTARY_SIGNER_OLDER is not set',
      ]);
      const both = { ...PASSPHRASES, NOTARY_SIGNER_OLDER: 'a passphrase' };
      expect((await run(database, tables, { environment: both })).taken).toMatchObject({ added: 3, known: 3 });
    });

    it('changes nothing for keys that a wrong passphrase does not open', async () => {
      await fill(tables);
      const { taken, lines } = await run(database, tables, { environment: { NOTARY_SIGNER_PEER: 'wrong' } });
      expect(taken).toMatchObject({ added: 0, faults: 6 });
      expect(lines).toEqual([
        'left out: 6 keys of the passphrase alias "peer": NOTARY_SIGNER_PEER does not open them, or they are damaged',
      ]);
      expect(await highest(ECDSA)).toBeUndefined();
    });

    const other = WRITTEN.keys[2]!;
    it.each<[string, Parameters<typeof keyRow>[1], string]>([
      ['another row holds', { private: Buffer.from(other.private) }, 'does not belong to its public key'],
      ['has another id than its row', { key_id: other.key_id }, 'its key would have the id e2eb713c'],
      ['is of a kind nobody signs with here', { algorithm: 'rsa' }, 'this signer has no algorithm "rsa"'],
      ['is said to be of another kind', { algorithm: 'ed25519' }, 'it holds no private ed25519 key'],
      ['is of a collection with an impossible name', { gun: 'a/../b' }, '"a/../b" has a ".." segment'],
    ])('lists a key that %s', async (_, change, why) => {
      await tables.insert('private_keys', keyRow(ECDSA, change));
      const { taken, lines } = await run(database, tables);
      expect(taken).toMatchObject({ added: 0, faults: 1 });
      expect(lines).toEqual([expect.stringContaining(why)]);
      expect(await highest(ECDSA)).toBeUndefined();
    });

    it('a row that asks for more iterations than Notary does is not opened: one must not be able to burn CPU', async () => {
      const { plaintext } = await compactDecrypt(ECDSA.private, PASSPHRASE, {
        keyManagementAlgorithms: ['PBES2-HS256+A128KW'],
      });
      const greedy = await new CompactEncrypt(plaintext)
        .setProtectedHeader({ alg: 'PBES2-HS256+A128KW', enc: 'A256GCM' })
        .setKeyManagementParameters({ p2c: 20_000 })
        .encrypt(PASSPHRASE);
      await tables.insert('private_keys', keyRow(ECDSA, { private: Buffer.from(greedy) }));
      const { taken } = await run(database, tables);
      expect(taken).toMatchObject({ added: 0, faults: 1 });
    });

    it('a private key of megabytes is not read', async () => {
      const endless = Buffer.from(`${ECDSA.private}${'A'.repeat(engine.name === 'mysql' ? 60_000 : 5_000_000)}`);
      await tables.insert('private_keys', keyRow(ECDSA, { private: endless }));
      const source = new NotaryDatabase(tables.url);
      onTestFinished(() => source.close());
      for await (const { sealed } of source.keys()) expect(sealed.length).toBeLessThan(20_000);
      expect((await run(database, tables)).taken).toMatchObject({ added: 0, faults: 1 });
    });

    it('lists keys of other roles, and passes over deleted ones', async () => {
      await tables.insert('private_keys', keyRow(ECDSA, { role: 'targets' }));
      await tables.insert('private_keys', { ...keyRow(other), deleted_at: new Date('2026-11-25T00:00:00Z') });
      const { taken, lines } = await run(database, tables);
      expect(taken).toMatchObject({ added: 0, others: 1, faults: 0 });
      expect(lines).toEqual([expect.stringContaining(`the "targets" key ${ECDSA.key_id} of "example.com/ecdsa"`)]);
    });

    it('lists a key that this signer holds for another collection', async () => {
      await tables.insert('private_keys', keyRow(ECDSA));
      await run(database, tables);
      await tables.run(`UPDATE private_keys SET gun = 'example.com/other'`);
      const { taken, lines } = await run(database, tables);
      expect(taken).toMatchObject({ added: 0, raised: 0, faults: 1 });
      expect(lines).toEqual([expect.stringContaining('has it as the timestamp key of example.com/ecdsa')]);
    });

    it('a file with a changed byte raises no floor, and is listed', async () => {
      await fill(tables);
      const last = WRITTEN.files.find(
        ({ gun, role, version }) => gun === ECDSA.gun && role === 'timestamp' && version === 4,
      )!;
      const forged = Buffer.from(last.data.replace('"version":4', '"version":999'));
      const where = `WHERE gun = 'example.com/ecdsa' AND role = 'timestamp' AND version = 4`;
      await tables.run(`UPDATE tuf_files SET version = 999, data = ? ${where}`, forged);
      const { taken, lines } = await run(database, tables);
      expect(taken).toMatchObject({ added: 6, faults: 1 });
      expect(lines).toEqual([
        `not verified: example.com/ecdsa timestamp 999: its signature by ${ECDSA.key_id} is not valid`,
      ]);
      expect(await highest(ECDSA)).toBe(3);
    });

    it('an old version under a higher number raises no floor', async () => {
      await fill(tables);
      const where = `WHERE gun = 'example.com/ecdsa' AND role = 'timestamp' AND version = 4`;
      await tables.run(`UPDATE tuf_files SET version = 999 ${where}`);
      const { lines } = await run(database, tables);
      expect(lines).toEqual([expect.stringContaining('timestamp 999: what it holds is version 4')]);
      expect(await highest(ECDSA)).toBe(3);
    });

    it('a key that signed and has nothing left to show for it is no unused key', async () => {
      await tables.insert('private_keys', keyRow(ECDSA));
      expect((await run(database, tables)).taken).toMatchObject({ added: 1, unused: 0 });
      expect(await openStore(database).removeUnused(ourId(ECDSA))).toBe(false);
    });
  });
});
