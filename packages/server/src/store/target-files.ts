import type { Instant } from '@countersign/client/tuf';
import type { TargetFiles } from '../collection/ports.js';
import type { DatabaseConfig } from './config.js';
import { openEngine } from './store.js';
import { openTargetDirectory } from './target-directory.js';
import { targetRows } from './target-rows.js';

/** Where uploaded target files live: a directory of one server, or the database that several share. */
export type TargetFilesConfig =
  | { readonly kind: 'directory'; readonly directory: string }
  | { readonly kind: 'database'; readonly database: DatabaseConfig };

export interface OpenTargetFiles extends TargetFiles {
  close(): Promise<void>;
}

/**
 * Opens the place for target files; the contract is on `TargetFiles`. `clock` dates what is written, for `sweep`.
 * @throws CountersignError as `openStore`; `unavailable` if the directory cannot be made
 */
export async function openTargetFiles(config: TargetFilesConfig, clock: () => Instant): Promise<OpenTargetFiles> {
  if (config.kind === 'directory') {
    return { ...(await openTargetDirectory(config.directory, clock)), close: () => Promise.resolve() };
  }
  const engine = await openEngine(config.database);
  return { ...targetRows(engine, clock), close: () => engine.close() };
}
