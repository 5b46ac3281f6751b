import { CountersignError } from '@countersign/client/tuf';

/** SQLite's and PostgreSQL's names for a full disk. */
const FULL = new Set(['SQLITE_FULL', '53100']);
/** Neither engine answered; trying again may help. PostgreSQL: class 08, shutdown, too many connections. */
const DOWN = /^(?:SQLITE_(?:BUSY|LOCKED|IOERR|CANTOPEN|READONLY)|08|57P0|53300|ECONN|ENOTFOUND|ETIMEDOUT|EPIPE|EAI_)/u;

/**
 * Awaits a database call and turns its failure into one of ours.
 * @throws CountersignError `storage-full`, `unavailable` or `internal`
 */
export async function guarded<T>(call: PromiseLike<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    throw storageError(cause);
  }
}

function storageError(cause: unknown): CountersignError {
  const code = codeOf(cause);
  if (FULL.has(code)) {
    return new CountersignError('storage-full', "the signer's database is full", {
      next: 'Make room and try again.',
      cause,
    });
  }
  const timeout = cause instanceof Error && cause.name === 'KnexTimeoutError';
  if (timeout || DOWN.test(code)) {
    return new CountersignError('unavailable', "the signer's database does not answer", {
      next: 'Try again later.',
      cause,
    });
  }
  return new CountersignError('internal', "the signer's database failed", { cause });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
