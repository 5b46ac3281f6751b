import type { Store } from '../../packages/server/src/collection/ports.js';
import { openStore, type DatabaseConfig } from '../../packages/server/src/store/index.js';

/** A migrated database of one test. */
export interface TestDatabase {
  readonly config: DatabaseConfig;
  /** Looks at the tables behind the store's back. */
  query(sql: string): Promise<readonly Record<string, unknown>[]>;
  /** Opens one more store on it, as another process would. */
  open(): Promise<Store>;
  /** Closes every store and removes the database. */
  remove(): Promise<void>;
}

/** What an engine's test file brings. */
export interface TestEngine {
  create(): Promise<TestDatabase>;
}

export function testDatabase(
  config: DatabaseConfig,
  { query, remove }: Pick<TestDatabase, 'query' | 'remove'>,
): TestDatabase {
  const stores: Store[] = [];
  return {
    config,
    query,
    async open() {
      const store = await openStore(config);
      stores.push(store);
      return store;
    },
    async remove() {
      await Promise.all(stores.map((store) => store.close()));
      await remove();
    },
  };
}
