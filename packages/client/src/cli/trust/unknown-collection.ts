import type { CollectionHome } from '../../node/home.js';
import { CountersignError, hasCode } from '../../tuf/errors.js';
import { TIMESTAMP, type Gun } from '../../tuf/names.js';

/** What is said of a collection to who asked for it. */
export interface Asked {
  readonly gun: Gun;
  readonly home: Pick<CollectionHome, 'firstRoot'>;
  /** Where it is read from, in words. */
  readonly place: string;
  /** The known collection whose name this one's was probably meant to be. */
  similar(): Promise<Gun | undefined>;
  command(verb: string): string;
}

/** The error for a collection of which nothing is here: mistyped, or never begun. */
export async function nothingKnown(asked: Asked): Promise<CountersignError> {
  const meant = await asked.similar();
  const begin = `${meant === undefined ? 'To begin' : `Did you mean ${meant}? If not, to begin`} it: \`${asked.command('init')}\``;
  return new CountersignError('not-found', `nothing is known of ${asked.gun} here`, {
    next: `${begin}; to take part in somebody's, give --root-fingerprint sha256:…, as they tell you.`,
  });
}

/** The error for a collection that is to be read and that nothing says whom to believe of; `last`: what to give else. */
export async function noTrustedRoot(asked: Asked, last: string): Promise<CountersignError> {
  const meant = await asked.similar();
  const give = meant === undefined ? 'Give' : `Did you mean ${meant}? If not, give`;
  return new CountersignError('untrusted-root', `there is no trusted root for ${asked.gun} here yet`, {
    next: `${give} --root FILE or --root-fingerprint sha256:…, as the publisher tells you; or ${last}.`,
  });
}

/** What failed in reading it, or what that means: there is no such collection, or nothing of it yet. */
export async function explainAbsent(error: unknown, asked: Asked): Promise<unknown> {
  if (hasCode(error, 'not-found', 'untrusted-root') && isEmpty(error.detail['found'])) {
    const meant = await asked.similar();
    return new CountersignError('not-found', `there is no collection ${asked.gun} at ${asked.place}`, {
      cause: error,
      next: meant === undefined ? "Check the name and the server's address." : `Did you mean ${meant}?`,
    });
  }
  if (!hasCode(error, 'not-found') || error.detail.role !== TIMESTAMP) return error;
  if ((await asked.home.firstRoot()) === undefined) return error;
  return new CountersignError('not-found', `${asked.gun} has not been published yet`, {
    cause: error,
    next: `Publish it with \`${asked.command('publish')}\`.`,
  });
}

function isEmpty(found: unknown): boolean {
  return Array.isArray(found) && found.length === 0;
}
