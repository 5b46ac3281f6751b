import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import knexModule, { type Knex } from 'knex';
import { CountersignError } from '@countersign/client/tuf';

const MIGRATIONS = new URL('../../../migrations/signer/', import.meta.url);

/** Which database holds the keys. A relative `file` counts from the working directory. */
export type DatabaseConfig =
  { readonly client: 'sqlite'; readonly file: string } | { readonly client: 'postgres'; readonly url: string };

/** Opens the database. Every commit is durable when it returns: SQLite runs in WAL mode with `synchronous=FULL`. */
export function connect(database: DatabaseConfig): Knex {
  if (database.client === 'sqlite') {
    return knexModule({
      client: 'better-sqlite3',
      connection: { filename: database.file },
      useNullAsDefault: true,
      pool: { min: 1, max: 1, afterCreate: durable },
    });
  }
  return knexModule({
    client: 'pg',
    connection: database.url,
    pool: { min: 0, max: 4 },
    acquireConnectionTimeout: 10_000,
  });
}

/** What of better-sqlite3 is needed here; knex hands its connections over untyped. */
interface SqliteConnection {
  pragma(source: string): unknown;
}

function durable(
  connection: SqliteConnection,
  done: (error: Error | null, connection: SqliteConnection) => void,
): void {
  try {
    connection.pragma('journal_mode = WAL');
    connection.pragma('synchronous = FULL');
    connection.pragma('foreign_keys = ON');
    connection.pragma('busy_timeout = 5000');
    done(null, connection);
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)), connection);
  }
}

const LOCK = 'knex_migrations_lock';
const ATTEMPTS = 50;
const RETRY_AFTER = 100;

/**
 * Brings the schema up to date; a no-op where it is. Any number of processes may call it at once: one migrates, the others wait.
 * Answers the names of the migrations it ran.
 */
export async function migrate(knex: Knex): Promise<readonly string[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await oneLockRow(knex);
      const [, ran] = (await knex.migrate.latest({ migrationSource })) as [number, string[]];
      return ran;
    } catch (error) {
      if (attempt === ATTEMPTS || !somebodyElseMigrates(error)) throw error;
    }
    await delay(RETRY_AFTER);
  }
}

// knex looks for its lock's row first and inserts it after: two that begin at once leave two rows, which never are free again.
async function oneLockRow(knex: Knex): Promise<void> {
  await knex.raw(`CREATE TABLE IF NOT EXISTS ${LOCK} ("index" integer PRIMARY KEY, is_locked integer)`);
  await knex.raw(`INSERT INTO ${LOCK} ("index", is_locked) VALUES (1, 0) ON CONFLICT DO NOTHING`);
  await knex(LOCK).whereNot('index', 1).delete();
}

/** A busy file, or the same table created by another process in the same moment. */
function somebodyElseMigrates(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return /^(?:SQLITE_BUSY|42P07$|23505$)/u.test(code) || /already (?:exists|locked)/u.test(error.message);
}

/** @throws CountersignError `usage` if the schema is not the one this build needs */
export async function checkMigrated(knex: Knex): Promise<void> {
  const [, pending] = (await knex.migrate.list({ migrationSource })) as [unknown[], unknown[]];
  if (pending.length === 0) return;
  throw new CountersignError('usage', 'the signer database is not up to date', {
    next: 'Run "countersign-signer migrate --config FILE" first.',
  });
}

// knex's own file source guesses the module type from the working directory
const migrationSource: Knex.MigrationSource<string> = {
  getMigrations: async () => (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.js')).sort(),
  getMigrationName: (name) => name,
  getMigration: async (name) => (await import(new URL(name, MIGRATIONS).href)) as Knex.Migration,
};
