import { migrate } from '../../packages/server/src/store/index.js';
import { run, type Postgres } from '../support/postgres.js';
import { testDatabase, type TestEngine } from './database.js';

/** PostgreSQL: each database a copy of one that is migrated once. */
export function postgresEngine(postgres: Postgres): TestEngine {
  let migrated: Promise<string> | undefined;
  const template = async (): Promise<string> => {
    const url = await postgres.create();
    await migrate({ client: 'postgres', url });
    return url;
  };
  return {
    async create() {
      migrated ??= template();
      const url = await postgres.copy(await migrated);
      return testDatabase(
        { client: 'postgres', url },
        { query: (sql) => run(url, sql), remove: () => postgres.drop(url) },
      );
    },
  };
}
