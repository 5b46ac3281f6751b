import { writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { CountersignError } from '@countersign/client/tuf';
import { readIfThere, type DataDirectory } from './data-directory.js';

/** Held for as long as the launcher runs. */
export interface Lock {
  release(): void;
}

/**
 * Takes the data directory for this process. SQLite's exclusive lock is the operating system's own: it ends with the
 * process however that dies, so it is never stale, and a process number used again by somebody else is no trouble.
 * @throws CountersignError `usage` if another launcher runs on the directory
 */
export function lockDataDirectory(data: DataDirectory): Lock {
  const pidFile = `${data.lock}.pid`;
  const database = new Database(data.lock, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!(error instanceof Database.SqliteError) || error.code !== 'SQLITE_BUSY') throw error;
    const pid = readIfThere(pidFile)?.trim() ?? 'unknown';
    throw new CountersignError('usage', `Countersign is already running on ${data.root} (process ${pid})`, {
      next: 'Stop that one first, or set COUNTERSIGN_DATA to another directory (and COUNTERSIGN_HTTPS and COUNTERSIGN_HTTP to other ports).',
      cause: error,
    });
  }
  writeFileSync(pidFile, `${process.pid}\n`);
  return { release: () => database.close() };
}
