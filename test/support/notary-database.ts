import { readFileSync } from 'node:fs';
import pg from 'pg';
import { missingForMariadb, runMysql, startMariadb } from './mariadb.js';
import { notaryTables, type NotaryProgram } from './notary-tables.js';
import { findPostgres, startPostgres } from './postgres.js';

type Value = string | number | Date | null | Buffer;

/** A database with Notary's tables, to be filled by a test. */
export interface NotaryTables {
  readonly url: string;
  insert(table: string, row: Readonly<Record<string, Value>>): Promise<void>;
  /** A statement with `?` for its values. */
  run(sql: string, ...values: readonly Value[]): Promise<void>;
}

export interface NotaryEngine {
  readonly name: 'postgres' | 'mysql';
  /** Programs that it lacks here. */
  readonly missing: readonly string[];
  start(): Promise<RunningEngine>;
}

export interface RunningEngine {
  /** A new database with the tables of these programs. */
  create(...programs: readonly NotaryProgram[]): Promise<NotaryTables>;
  stop(): Promise<void>;
}

/** Rows that Notary's own server and signer have written. */
export interface WrittenRows {
  readonly keys: readonly {
    readonly key_id: string;
    readonly algorithm: string;
    readonly public: string;
    readonly private: string;
    readonly gun: string;
    readonly role: string;
    readonly used: boolean;
    readonly created_at: string;
  }[];
  readonly files: readonly {
    readonly gun: string;
    readonly role: string;
    readonly version: number;
    readonly data: string;
    readonly sha256: string;
  }[];
}

export const WRITTEN = JSON.parse(
  readFileSync(new URL('../vectors/notary-1/signer-rows.json', import.meta.url), 'utf8'),
) as WrittenRows;

export const NOTARY_ENGINES: readonly NotaryEngine[] = [
  {
    name: 'postgres',
    get missing() {
      const found = findPostgres();
      return 'missing' in found ? [found.missing] : [];
    },
    async start() {
      const found = findPostgres();
      if ('missing' in found) throw new Error(found.missing);
      const postgres = await startPostgres(found.bin);
      return { create: (...programs) => created('postgres', programs, postgres), stop: () => postgres.stop() };
    },
  },
  {
    name: 'mysql',
    get missing() {
      return missingForMariadb();
    },
    async start() {
      const mariadb = await startMariadb();
      return { create: (...programs) => created('mysql', programs, mariadb), stop: () => mariadb.stop() };
    },
  },
];

async function created(
  engine: NotaryEngine['name'],
  programs: readonly NotaryProgram[],
  databases: { create(): Promise<string> },
): Promise<NotaryTables> {
  const tables = tablesAt(engine, await databases.create());
  for (const statement of programs.flatMap((program) => notaryTables(engine, program))) await tables.run(statement);
  return tables;
}

/** The tables in a database that has them already. */
export function tablesAt(engine: NotaryEngine['name'], url: string): NotaryTables {
  const run = (sql: string, ...values: readonly Value[]): Promise<void> =>
    engine === 'postgres' ? runPostgres(url, sql, values) : runMysql(url, [sql], values);
  return {
    url,
    run,
    insert(table, row) {
      const columns = Object.keys(row).map((name) => (engine === 'postgres' ? `"${name}"` : `\`${name}\``));
      return run(
        `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
        ...Object.values(row),
      );
    },
  };
}

async function runPostgres(url: string, sql: string, values: readonly Value[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let at = 0;
    // a time without a zone is written as it reads in UTC
    const written = values.map((value) => (value instanceof Date ? value.toISOString().slice(0, -1) : value));
    await client.query(
      sql.replaceAll('?', () => `$${++at}`),
      written,
    );
  } finally {
    await client.end();
  }
}
