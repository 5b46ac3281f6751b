import knex, { type Knex } from 'knex';
import type { CustomTypesConfig } from 'pg';
import type { DatabaseConfig, PostgresConfig, SqliteConfig } from './config.js';

/** How long to wait for a connection, and for an answer on it, in milliseconds. */
const CONNECT_TIMEOUT = 5_000;
const QUERY_TIMEOUT = 30_000;

const DEFAULT_CONNECTIONS = 8;

// A setting stronger than `on` (remote_apply, remote_write on synchronous standbys) is the operator's to make.
const SESSION = `
  SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local');
  SET idle_in_transaction_session_timeout = '10s';
  SET statement_timeout = '${QUERY_TIMEOUT}ms';
  SET default_transaction_isolation = 'read committed'`;

/** What the connection may do. */
export type Access = 'read' | 'write';

// knex prints what it also rejects with; the rejection is enough, and whoever gets it does the logging.
const silent = (): void => undefined;
const log = { warn: silent, error: silent, deprecate: silent, debug: silent };

/** A knex instance for `config`; nothing is opened yet. */
export function connect(config: DatabaseConfig, access: Access): Knex {
  return config.client === 'sqlite' ? connectSqlite(config, access) : connectPostgres(config);
}

type AfterCreate = (connection: unknown, done: (error: unknown, connection: unknown) => void) => void;

/** The part of better-sqlite3's connection that is used here and in `sqlite.ts`. */
export interface SqliteConnection {
  readonly inTransaction: boolean;
  prepare(sql: string): SqliteStatement;
  pragma(source: string): unknown;
}

export interface SqliteStatement {
  readonly reader: boolean;
  all(...values: unknown[]): unknown[];
  run(...values: unknown[]): unknown;
}

function connectSqlite(config: SqliteConfig, access: Access): Knex {
  const afterCreate: AfterCreate = (connection, done) => {
    try {
      prepareSqlite(connection as SqliteConnection, config, access);
      done(null, connection);
    } catch (error) {
      done(error, connection);
    }
  };
  return knex({
    client: 'better-sqlite3',
    connection: { filename: config.file, options: { readonly: access === 'read' } },
    useNullAsDefault: true,
    log,
    acquireConnectionTimeout: CONNECT_TIMEOUT,
    pool: { min: 0, max: 1, afterCreate },
  });
}

function prepareSqlite(connection: SqliteConnection, config: SqliteConfig, access: Access): void {
  connection.pragma('busy_timeout = 1000');
  if (access === 'read') return;
  connection.pragma('journal_mode = WAL');
  connection.pragma('synchronous = FULL');
  connection.pragma('foreign_keys = ON');
  connection.pragma('journal_size_limit = 67108864');
  if (config.maxPages !== undefined) connection.pragma(`max_page_count = ${Math.trunc(config.maxPages)}`);
  // From here on a busy database is waited for with timers (`group-commit.ts`): SQLite's own wait stops the whole process.
  connection.pragma('busy_timeout = 0');
}

/** The part of pg's connection that is used here and in `postgres.ts`. */
export interface PostgresConnection {
  query(query: PostgresQuery | string): Promise<{ readonly rows: unknown[] }>;
  /** knex's mark: the pool throws such a connection away. */
  __knex__disposed?: unknown;
}

export interface PostgresQuery {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
  readonly types: CustomTypesConfig;
}

function connectPostgres(config: PostgresConfig): Knex {
  const afterCreate: AfterCreate = (connection, done) => {
    (connection as PostgresConnection).query(SESSION).then(
      () => done(null, connection),
      (error: unknown) => done(error, connection),
    );
  };
  return knex({
    client: 'pg',
    connection: {
      connectionString: config.url,
      application_name: 'countersign-server',
      connectionTimeoutMillis: CONNECT_TIMEOUT,
      query_timeout: QUERY_TIMEOUT + 5_000,
      keepAlive: true,
    },
    log,
    acquireConnectionTimeout: CONNECT_TIMEOUT * 2,
    pool: { min: 0, max: config.connections ?? DEFAULT_CONNECTIONS, afterCreate },
  });
}

/** knex's pool, which its types leave out. */
export interface Pool<Connection> {
  acquireConnection(): Promise<Connection>;
  releaseConnection(connection: Connection): Promise<void>;
}

/** The driver's own connections behind a knex instance: for statements too frequent to be built anew each time. */
export function pool<Connection>(database: Knex): Pool<Connection> {
  return database.client as Pool<Connection>;
}
