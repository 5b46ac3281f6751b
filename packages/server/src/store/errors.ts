import { CountersignError } from '@countersign/client/tuf';

const FULL = new Set(['SQLITE_FULL', 'ENOSPC', 'EDQUOT', '53100']);

// SQLSTATE classes 08 (connection) and 57P (operator intervention) are matched by prefix.
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT', // no unix socket, no database directory
  'EACCES',
  'ENOTDIR',
  '25006', // a standby: read-only
  '25P03', // idle in transaction for too long
  '28000', // the database lets us in no more
  '28P01',
  '3D000',
  '40001',
  '40P01', // deadlock
  '53300', // too many connections
  '57014', // statement timeout
]);

const UNREACHABLE_SQLITE = /^SQLITE_(?:BUSY|LOCKED|CANTOPEN|PROTOCOL|IOERR|READONLY)/u;

// Errors of pg, knex and better-sqlite3 that carry no code.
const UNREACHABLE_MESSAGE =
  /^(?:Connection terminated|Query read timeout|timeout expired|Client has encountered a connection error|Unable to acquire a connection|Cannot open database because the directory does not exist|The database connection is not open|Knex: Timeout acquiring)/u;

/** The driver's or the system's code of an error, if it has one. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function unreachable(code: string, message: string): boolean {
  if (UNREACHABLE.has(code) || UNREACHABLE_SQLITE.test(code)) return true;
  return code.startsWith('08') || code.startsWith('57P') || UNREACHABLE_MESSAGE.test(message);
}

/** The one place where errors of drivers and file systems become ours: `storage-full`, `unavailable`, or a fault. */
export function storeError(error: unknown): CountersignError {
  if (error instanceof CountersignError) return error;
  const code = errorCode(error) ?? '';
  const message = error instanceof Error ? error.message : String(error);
  if (FULL.has(code)) {
    return new CountersignError('storage-full', 'the storage is full', {
      next: 'Make room on the server, then try again.',
      cause: error,
    });
  }
  if (unreachable(code, message)) {
    return new CountersignError('unavailable', 'the storage cannot be reached', {
      next: 'Try again in a moment.',
      cause: error,
    });
  }
  return new CountersignError('internal', 'the storage failed', { cause: error });
}
