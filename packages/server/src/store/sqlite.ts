import { CountersignError } from '@countersign/client/tuf';
import type { SqliteConfig } from './config.js';
import { connect, pool, type SqliteConnection, type SqliteStatement } from './connect.js';
import type { Engine, Session, Value } from './engine.js';
import { storeError } from './errors.js';
import { GroupCommit } from './group-commit.js';

/**
 * SQLite: one connection that writes and one that reads (WAL), both held from knex's pool, with prepared statements kept.
 */
export async function openSqlite(config: SqliteConfig): Promise<Engine> {
  // The writer first: it makes the WAL, which a read-only connection cannot.
  const writing = connect(config, 'write');
  const reading = connect(config, 'read');
  try {
    const writer = await pool<SqliteConnection>(writing).acquireConnection();
    const reader = await pool<SqliteConnection>(reading).acquireConnection();
    const group = new GroupCommit(writer, prepared(writer));
    let closed = false;
    const whileOpen = (): void => {
      if (closed) throw new CountersignError('unavailable', 'the storage has been closed');
    };
    const session = prepared(reader);
    return {
      read: {
        async query<Row extends object>(sql: string, values: readonly Value[]): Promise<readonly Row[]> {
          whileOpen();
          try {
            return await session.query<Row>(sql, values);
          } catch (error) {
            throw storeError(error);
          }
        },
      },
      async write(work) {
        whileOpen();
        return group.write(work);
      },
      async close() {
        if (closed) return;
        closed = true;
        await group.idle();
        await pool<SqliteConnection>(reading).releaseConnection(reader);
        await reading.destroy();
        await pool<SqliteConnection>(writing).releaseConnection(writer);
        await writing.destroy();
      },
    };
  } catch (error) {
    await Promise.allSettled([reading.destroy(), writing.destroy()]);
    throw storeError(error);
  }
}

/** Statements differ only by the length of their lists, which `slices` bounds, so they are kept for good. */
function prepared(connection: SqliteConnection): Session {
  const statements = new Map<string, SqliteStatement>();
  return {
    async query<Row extends object>(sql: string, values: readonly Value[]): Promise<readonly Row[]> {
      let statement = statements.get(sql);
      if (statement === undefined) {
        statement = connection.prepare(sql);
        statements.set(sql, statement);
      }
      if (statement.reader) return statement.all(...values) as Row[];
      statement.run(...values);
      return [];
    },
  };
}
