import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkMigrated, connect, type DatabaseConfig } from '../../packages/signer/src/connect.js';
import { findPostgres, startPostgres, type Postgres } from '../support/postgres.js';
import { migrated, temporaryDirectory } from './workbench.js';

const installed = findPostgres();
let postgres: Postgres | undefined;

beforeAll(async () => {
  if ('bin' in installed) postgres = await startPostgres(installed.bin);
});
afterAll(() => postgres?.stop());

const engines = [
  {
    engine: 'SQLite',
    skip: false,
    create: async (): Promise<DatabaseConfig> => ({
      client: 'sqlite',
      file: join(await temporaryDirectory(), 'signer.db'),
    }),
  },
  {
    engine: 'PostgreSQL',
    skip: 'missing' in installed,
    create: async (): Promise<DatabaseConfig> => ({ client: 'postgres', url: (await postgres?.create()) ?? '' }),
  },
];

describe.for(engines)('a new signer database on $engine', ({ skip, create }) => {
  it.skipIf(skip)('is migrated by several processes at once', async () => {
    const database = await create();
    await Promise.all([migrated(database), migrated(database), migrated(database)]);
    const knex = connect(database);
    await expect(checkMigrated(knex)).resolves.toBeUndefined();
    await knex.destroy();
  });

  it.skipIf(skip)('is not kept locked by the two lock rows of processes that began at once', async () => {
    const database = await create();
    const knex = connect(database);
    await knex.raw('CREATE TABLE knex_migrations_lock ("index" integer PRIMARY KEY, is_locked integer)');
    await knex.raw('INSERT INTO knex_migrations_lock ("index", is_locked) VALUES (2, 0), (3, 0)');
    await migrated(database);
    await expect(checkMigrated(knex)).resolves.toBeUndefined();
    await knex.destroy();
  });
});
