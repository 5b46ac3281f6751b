import { CountersignError, type Gun } from '@countersign/client/tuf';
import type { Store, StoredFile } from '../collection/ports.js';
import { changefeedCopiesIn } from './changefeed-copies.js';
import { readChanges } from './changes.js';
import { writeCommit } from './commit.js';
import type { DatabaseConfig } from './config.js';
import type { Engine } from './engine.js';
import { addPendingKey, countPendingKeys, dropForgottenKeys, forgetPendingKeys, readKeys } from './keys.js';
import { migrationStatus } from './migrate.js';
import { addPastFiles } from './past.js';
import { openPostgres } from './postgres.js';
import {
  readDue,
  readEarliestExpiry,
  readFile,
  readFileByHash,
  readFiles,
  readFormat,
  readHead,
  readTimestamp,
} from './reads.js';
import { readPastVersions, removeCollection } from './removal.js';
import { shared } from './shared.js';
import { openSqlite } from './sqlite.js';
import { uploadsIn } from './uploads.js';

/**
 * Opens the collections' database. The contract is on `Store`.
 * @throws CountersignError `usage` if it has not been migrated, `unsupported` if a newer version has migrated it, `unavailable`
 */
export async function openStore(config: DatabaseConfig): Promise<Store> {
  return storeOn(await openEngine(config));
}

export async function openEngine(config: DatabaseConfig): Promise<Engine> {
  const { pending } = await migrationStatus(config);
  if (pending.length > 0) {
    throw new CountersignError('usage', `the database lacks ${pending.join(', ')}`, {
      next: 'Run: countersign-server migrate',
    });
  }
  return config.client === 'sqlite' ? openSqlite(config) : openPostgres(config);
}

function storeOn(engine: Engine): Store {
  const { read } = engine;
  return {
    format: (gun) => readFormat(read, gun),
    head: (gun) => readHead(read, gun),
    timestamp: shared<Gun, StoredFile | undefined>((gun) => readTimestamp(read, gun)),
    file: (gun, role, version) => readFile(read, gun, role, version),
    fileByHash: (gun, role, sha256) => readFileByHash(read, gun, role, sha256),
    files: (gun, wanted) => readFiles(read, gun, wanted),
    commit: (commit) => engine.write((session) => writeCommit(session, commit)),
    addPast: (past) => engine.write((session) => addPastFiles(session, past)),
    remove: (gun, now) => engine.write((session) => removeCollection(session, gun, now)),
    pastVersions: (gun) => readPastVersions(read, gun),
    changes: (asked) => readChanges(engine, asked),

    due: (now, limit, last) => readDue(read, now, limit, last),
    earliestExpiry: () => readEarliestExpiry(read),

    onlineKeys: (gun, role) => readKeys(read, gun, role),
    addPendingKey: (key) => addPendingKey(engine, key),
    countPendingKeys: () => countPendingKeys(read),
    forgetPendingKeys: (before, limit) => forgetPendingKeys(engine, before, limit),
    dropForgottenKeys: (ids) => dropForgottenKeys(engine, ids),

    uploads: uploadsIn(engine),
    changefeedCopies: changefeedCopiesIn(engine),

    async ping() {
      await read.query('SELECT 1 AS one', []);
    },
    close: () => engine.close(),
  };
}
