import { randomBytes } from 'node:crypto';
import { CountersignError } from '@countersign/client/tuf';

/** A new name nobody can guess: 32 random bytes, hex. */
export function newBlobName(): string {
  return randomBytes(32).toString('hex');
}

/** Whether `text` can be a name we gave; nothing else ever reaches a path or a query. */
export function isBlobName(text: string): boolean {
  return /^[0-9a-f]{64}$/u.test(text);
}

export function noSuchBlob(cause?: unknown): CountersignError {
  return new CountersignError('not-found', 'this target file is not stored here', { cause });
}
