import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Knex } from 'knex';
import { CountersignError } from '@countersign/client/tuf';
import type { DatabaseConfig } from './config.js';
import { connect } from './connect.js';
import { errorCode, storeError } from './errors.js';

// From src/store and from dist/store alike.
const DIRECTORY = new URL('../../../../migrations/server/', import.meta.url);

const TABLE = 'migrations';
const LOCK = `${TABLE}_lock`;
const ATTEMPTS = 50;
const RETRY_AFTER = 100;

/** Migrations by file name, in the order they run. */
export interface MigrationStatus {
  readonly done: readonly string[];
  readonly pending: readonly string[];
}

/**
 * Brings the database to this version's tables. Any number of processes may call it at once: one migrates, the others wait.
 * Killed in the middle it leaves the database as it was.
 * @throws CountersignError `unsupported` if a newer version of this program has migrated the database; `unavailable`
 */
export async function migrate(config: DatabaseConfig): Promise<MigrationStatus> {
  return withDatabase(config, async (database) => {
    for (let attempt = 1; ; attempt += 1) {
      const found = await status(database);
      if (found.pending.length === 0) return found;
      try {
        await oneLockRow(database);
        await database.migrate.latest({ migrationSource, tableName: TABLE });
        return await status(database);
      } catch (error) {
        if (attempt === ATTEMPTS || !somebodyElseMigrates(error)) throw error;
      }
      await delay(RETRY_AFTER);
    }
  });
}

/** @throws CountersignError `unsupported` if a newer version of this program has migrated the database; `unavailable` */
export async function migrationStatus(config: DatabaseConfig): Promise<MigrationStatus> {
  return withDatabase(config, status);
}

async function status(database: Knex): Promise<MigrationStatus> {
  const known = await migrationNames();
  const done = (await database.schema.hasTable(TABLE))
    ? await database<{ name: string }>(TABLE).orderBy('id').pluck('name')
    : [];
  const newer = done.filter((name) => !known.includes(name));
  if (newer.length > 0) {
    throw new CountersignError(
      'unsupported',
      `the database was made by a newer version of this server (it has ${newer.join(', ')})`,
      {
        next: 'Install the newer version; migrations go forward only.',
      },
    );
  }
  return { done, pending: known.filter((name) => !done.includes(name)) };
}

async function withDatabase<T>(config: DatabaseConfig, work: (database: Knex) => Promise<T>): Promise<T> {
  const database = connect(config, 'write');
  try {
    return await work(database);
  } catch (error) {
    throw storeError(error);
  } finally {
    await database.destroy();
  }
}

const migrationSource: Knex.MigrationSource<string> = {
  getMigrations: migrationNames,
  getMigrationName: (name) => name,
  getMigration: async (name) => (await import(new URL(name, DIRECTORY).href)) as Knex.Migration,
};

async function migrationNames(): Promise<string[]> {
  const names = await readdir(fileURLToPath(DIRECTORY));
  return names.filter((name) => /^\d{4}_.*\.js$/u.test(name)).sort();
}

/**
 * knex makes its lock's row by looking first and inserting after, so two that begin at once leave two, and a lock of two rows is
 * never free again. Here the row's number is its key, and what such a start left behind is taken away.
 */
async function oneLockRow(database: Knex): Promise<void> {
  await database.raw(`CREATE TABLE IF NOT EXISTS ${LOCK} ("index" integer PRIMARY KEY, is_locked integer)`);
  await database.raw(`INSERT INTO ${LOCK} ("index", is_locked) VALUES (1, 0) ON CONFLICT DO NOTHING`);
  await database(LOCK).whereNot('index', 1).delete();
}

/** Two that begin at once collide on a busy file, or on creating the same table. */
function somebodyElseMigrates(error: unknown): boolean {
  const code = errorCode(error) ?? '';
  if (code.startsWith('SQLITE_BUSY') || code === '42P07' || code === '23505') return true;
  return error instanceof Error && (error.name === 'MigrationLocked' || error.message.includes('already exists'));
}
