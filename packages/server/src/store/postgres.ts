import pg from 'pg';
import { CountersignError } from '@countersign/client/tuf';
import type { PostgresConfig } from './config.js';
import { connect, pool, type Pool, type PostgresConnection } from './connect.js';
import type { Engine, Outcome, Session, Value } from './engine.js';
import { errorCode, storeError } from './errors.js';

// pg gives a bigint as text, since it may be beyond a number's exact range; none that we store is.
const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * PostgreSQL: a pool for reads and one for writes, so that commits waiting for each other never keep a read waiting. Every
 * transaction is its own, READ COMMITTED.
 */
export async function openPostgres(config: PostgresConfig): Promise<Engine> {
  const reading = connect(config, 'read');
  const writing = connect(config, 'write');
  const readers = pool<PostgresConnection>(reading);
  const writers = pool<PostgresConnection>(writing);
  const underWay = new Set<Promise<unknown>>();
  let closed = false;

  async function using<T>(
    connections: Pool<PostgresConnection>,
    work: (connection: PostgresConnection) => Promise<T>,
  ): Promise<T> {
    if (closed) throw new CountersignError('unavailable', 'the storage has been closed');
    const answer = withConnection(connections, work);
    underWay.add(answer);
    try {
      return await answer;
    } finally {
      underWay.delete(answer);
    }
  }

  return {
    read: {
      query: <Row extends object>(sql: string, values: readonly Value[]) =>
        using(readers, (connection) => session(connection).query<Row>(sql, values)),
    },
    write: (work) => using(writers, (connection) => transaction(connection, work)),
    async close() {
      if (closed) return;
      closed = true;
      await Promise.allSettled(underWay);
      await Promise.all([reading.destroy(), writing.destroy()]);
    },
  };
}

async function withConnection<T>(
  connections: Pool<PostgresConnection>,
  work: (connection: PostgresConnection) => Promise<T>,
): Promise<T> {
  try {
    const connection = await connections.acquireConnection();
    try {
      return await work(connection);
    } catch (error) {
      if (!answered(error)) connection.__knex__disposed = error;
      throw error;
    } finally {
      await connections.releaseConnection(connection);
    }
  } catch (error) {
    throw storeError(error);
  }
}

/** Whether PostgreSQL itself refused, or we did: then the connection is in order. */
function answered(error: unknown): boolean {
  return (
    error instanceof CountersignError ||
    (error instanceof pg.DatabaseError && errorCode(error)?.startsWith('57P') === false)
  );
}

async function transaction<T>(
  connection: PostgresConnection,
  work: (session: Session) => Promise<Outcome<T>>,
): Promise<T> {
  await connection.query('BEGIN ISOLATION LEVEL READ COMMITTED');
  let outcome: Outcome<T>;
  try {
    outcome = await work(session(connection));
  } catch (error) {
    await connection.query('ROLLBACK').catch((failure: unknown) => {
      connection.__knex__disposed = failure;
    });
    throw error;
  }
  if ('keep' in outcome) {
    await connection.query('COMMIT');
    return outcome.keep;
  }
  await connection.query('ROLLBACK');
  return outcome.undo;
}

function session(connection: PostgresConnection): Session {
  return {
    async query<Row extends object>(sql: string, values: readonly Value[]): Promise<readonly Row[]> {
      const { name, text } = statement(sql);
      const { rows } = await connection.query({ name, text, values: values.map(bindable), types });
      return rows as Row[];
    },
  };
}

// pg takes a Uint8Array that is no Buffer for an object to be written as JSON.
function bindable(value: Value): Value {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
}

const statements = new Map<string, { readonly name: string; readonly text: string }>();

/** The statement with `$1, $2…`, under a name by which each connection prepares it once. */
function statement(sql: string): { readonly name: string; readonly text: string } {
  let known = statements.get(sql);
  if (known === undefined) {
    let position = 0;
    known = { name: `countersign_${statements.size}`, text: sql.replaceAll('?', () => `$${++position}`) };
    statements.set(sql, known);
  }
  return known;
}
