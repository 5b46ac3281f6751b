export type { DatabaseConfig, PostgresConfig, SqliteConfig } from './config.js';
export { migrate, migrationStatus, type MigrationStatus } from './migrate.js';
export { openStore } from './store.js';
export { openTargetFiles, type OpenTargetFiles, type TargetFilesConfig } from './target-files.js';
