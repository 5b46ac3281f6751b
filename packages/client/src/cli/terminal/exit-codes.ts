import type { ErrorCode } from '../../tuf/errors.js';

/** Why the command ended, for scripts. `docs/exit-codes.md` says the same (a test compares them). */
export const EXIT = {
  ok: 0,
  internal: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  expired: 5,
  conflict: 6,
  unavailable: 7,
  key: 8,
  rejected: 9,
  storage: 10,
  interrupted: 130,
} as const;

export type ExitName = keyof typeof EXIT;

/** What each exit code means, as the manual says it. */
export const EXIT_MEANINGS: Readonly<Record<ExitName, string>> = {
  ok: 'Done.',
  internal: 'A fault of Countersign itself; please report it.',
  usage: 'The command line, a name or a file given makes no sense.',
  notFound: 'The collection, target, key or file does not exist.',
  refused: 'Verification failed: something is not what was signed, or not from whom it should be. Do not use it.',
  expired: 'The metadata has expired; its publisher or server must sign it anew (or the clock is wrong).',
  conflict: 'Somebody else was first, changed the same thing differently, or is at work on it right now.',
  unavailable: 'The server cannot be reached, or cannot work at the moment; try again.',
  key: 'A private key is missing or could not be opened, or there is no passphrase.',
  rejected: 'The server refuses what was published or asked for.',
  storage: 'A disk is full, here or at the server.',
  interrupted: 'Stopped by Ctrl-C or a signal.',
};

const CLASS: Readonly<Record<ErrorCode, ExitName>> = {
  rollback: 'refused',
  freeze: 'expired',
  clock: 'expired',
  'mix-and-match': 'refused',
  'endless-data': 'refused',
  'arbitrary-software': 'refused',
  threshold: 'refused',
  'wrong-key': 'rejected',
  malformed: 'refused',
  'invalid-name': 'usage',
  'too-many': 'rejected',
  lifetime: 'rejected',
  delegation: 'rejected',
  conflict: 'conflict',
  contradiction: 'conflict',
  'duplicate-role': 'rejected',
  'forbidden-role': 'rejected',
  'missing-target': 'rejected',
  'bad-upload': 'rejected',
  'too-large': 'rejected',
  unsupported: 'rejected',
  'rate-limit': 'rejected',
  policy: 'rejected',
  'stale-version': 'conflict',
  unsealed: 'key',
  'missing-key': 'key',
  'not-found': 'notFound',
  'untrusted-root': 'refused',
  unavailable: 'unavailable',
  'storage-full': 'storage',
  unauthorized: 'rejected',
  network: 'unavailable',
  usage: 'usage',
  internal: 'internal',
};

export function exitCodeOf(code: ErrorCode): number {
  return EXIT[CLASS[code]];
}

/** The names of the error codes that end the command with `name`. */
export function codesOf(name: ExitName): readonly string[] {
  return Object.entries(CLASS).flatMap(([code, exit]) => (exit === name ? [code] : []));
}
