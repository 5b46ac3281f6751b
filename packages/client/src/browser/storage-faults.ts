import { CountersignError } from '../tuf/errors.js';
import { nameOf } from './indexed-db.js';

const START_OVER =
  "Remove this site's data in the browser, or the database, and pin the root again (firstTrust); until then nothing is believed.";
/** What a browser throws that keeps nothing for this page: cookies are blocked, a sandboxed frame, some private windows. */
const REFUSALS: ReadonlySet<string> = new Set(['SecurityError', 'InvalidStateError']);

/** Whether opening the database failed because this browser keeps nothing for this page. */
export function refusesStorage(error: unknown): boolean {
  return REFUSALS.has(nameOf(error));
}

export function memoryOnly(cause: unknown): CountersignError {
  return new CountersignError('usage', 'this browser keeps nothing for this page: nothing is remembered after it', {
    cause,
    next: 'Without memory there is no protection against older metadata; let the site keep data, or leave the private window.',
  });
}

export function damagedRoot(): CountersignError {
  return new CountersignError('untrusted-root', 'the saved root of this collection is damaged', { next: START_OVER });
}

/** What a failure of the database means, in our words. Errors of ours pass unchanged. */
export function storageFault(error: unknown, name: string): unknown {
  if (error instanceof CountersignError) return error;
  switch (nameOf(error)) {
    case 'QuotaExceededError':
      return new CountersignError('storage-full', `the browser has no space left for ${name}`, {
        cause: error,
        next: 'Make room on the disk, or remove other data of this site, and try again.',
      });
    case 'VersionError':
      return new CountersignError('unsupported', `${name} was saved by a newer version of this library`, {
        cause: error,
        next: 'Reload the page, so that it comes with that version.',
      });
    default:
      return new CountersignError('untrusted-root', `what is saved in ${name} cannot be read or replaced`, {
        cause: error,
        next: `Reload the page. ${START_OVER}`,
      });
  }
}
