import knexModule, { type Knex } from 'knex';
import { CountersignError } from '@countersign/client/tuf';

const CONNECT_TIMEOUT = 10_000;

// knex prints what it also rejects with; the rejection is enough.
const silent = (): void => undefined;
const log = { warn: silent, error: silent, deprecate: silent, debug: silent };

/** What is needed here of the drivers' connections, which knex hands over untyped. */
interface PostgresConnection {
  query(sql: string): Promise<unknown>;
}

interface MysqlConnection {
  query(sql: string, done: (error: unknown) => void): void;
}

type AfterCreate = (connection: unknown, done: (error: unknown, connection: unknown) => void) => void;

/** A database of Notary's. */
export interface NotaryConnection {
  readonly engine: 'postgres' | 'mysql';
  readonly knex: Knex;
}

/**
 * A connection pool to a database of Notary's that can only be read, as far as the engine helps with that; nothing is opened
 * yet. One connection at a time: a deployment that is taken over goes on serving.
 * @param url `postgres://…` or `mysql://…`. It may hold a password, so no error repeats it.
 * @throws CountersignError `usage`
 */
export function connectNotary(url: string): NotaryConnection {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  switch (parsed?.protocol) {
    case 'postgres:':
    case 'postgresql:':
      return { engine: 'postgres', knex: connectPostgres(url) };
    case 'mysql:':
      return { engine: 'mysql', knex: connectMysql(parsed) };
    default:
      throw new CountersignError('usage', 'the address of the Notary database is not a postgres:// or mysql:// URL', {
        next: 'Write the db_url of its configuration as postgres://USER@HOST:PORT/DATABASE or mysql://USER@HOST:PORT/DATABASE.',
      });
  }
}

function connectPostgres(url: string): Knex {
  const afterCreate: AfterCreate = (connection, done) => {
    (connection as PostgresConnection).query('SET default_transaction_read_only = on').then(
      () => done(null, connection),
      (error: unknown) => done(error, connection),
    );
  };
  return knexModule({
    client: 'pg',
    connection: { connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT },
    log,
    acquireConnectionTimeout: CONNECT_TIMEOUT,
    pool: { min: 0, max: 1, afterCreate },
  });
}

function connectMysql(url: URL): Knex {
  const afterCreate: AfterCreate = (connection, done) => {
    const read = 'SET SESSION TRANSACTION READ ONLY';
    (connection as MysqlConnection).query(read, (error) => done(error, connection));
  };
  const socket = url.searchParams.get('socket');
  const decoded = decodeURIComponent;
  try {
    return knexModule({
      client: 'mysql2',
      connection: {
        ...(socket === null ? { host: url.hostname, port: Number(url.port || 3306) } : { socketPath: socket }),
        user: decoded(url.username),
        password: decoded(url.password),
        database: decoded(url.pathname.slice(1)),
        connectTimeout: CONNECT_TIMEOUT,
        // Notary writes times without a zone, and is run in UTC
        timezone: 'Z',
        ...(url.searchParams.get('tls') === 'true' ? { ssl: {} } : {}),
      },
      log,
      acquireConnectionTimeout: CONNECT_TIMEOUT,
      pool: { min: 0, max: 1, afterCreate },
    });
  } catch (cause) {
    throw new CountersignError('usage', 'MySQL is spoken through the package mysql2, which is not installed', {
      next: 'Run: npm install mysql2',
      cause,
    });
  }
}

/**
 * Awaits a query of Notary's database.
 * @throws CountersignError `unavailable`
 */
export async function asked<T>(query: PromiseLike<T>): Promise<T> {
  try {
    return await query;
  } catch (cause) {
    throw new CountersignError('unavailable', 'the Notary database does not answer as it should', {
      next: 'Check the address, that it is the database of a Notary signer or server, and that its tables may be read.',
      cause,
    });
  }
}
