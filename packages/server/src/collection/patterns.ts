import { CountersignError, NAME_LIMITS, type PathSet, type RoleName } from '@countersign/client/tuf';

/*
 * Delegation patterns that every client reads alike. The reference client has Python's fnmatch; tuf-js has minimatch, to
 * which braces, extended globs, backslashes, a leading "!" or "#" and some sets mean more, and whose wildcards do not match a
 * leading dot. A pattern read differently makes different roles speak for one target.
 */

const SPECIAL = /[\\{]|[?*+@!]\(|^[!#]/u;
// What is left in square brackets must be a plain set: no "^", no classes, no bracket within.
const PLAIN_SET = /\[!?[^\][\\^:!-](?:[^\][\\:^]*[^\][\\:^-])?\]/gu;

/** @throws CountersignError `delegation` for a pattern that clients read differently; `too-many` beyond `limit` patterns */
export function checkPatterns(by: RoleName, role: RoleName, paths: PathSet, limit: number): void {
  if (paths.kind !== 'globs') return;
  if (paths.patterns.length > limit) {
    throw new CountersignError(
      'too-many',
      `${by} delegates ${paths.patterns.length} path patterns to ${role}; this server takes at most ${limit}`,
      { detail: { role, limit }, next: 'Use wildcards, or several roles.' },
    );
  }
  for (const pattern of paths.patterns) {
    if (pattern.length <= NAME_LIMITS.target && pattern.split('/').every(readAlike)) continue;
    throw new CountersignError(
      'delegation',
      `${by} delegates ${JSON.stringify(pattern.slice(0, 100))} to ${role}, which clients read in different ways`,
      { detail: { role }, next: 'Use *, ? and sets such as [a-z] alone, one pattern for each alternative.' },
    );
  }
}

function readAlike(segment: string): boolean {
  return !SPECIAL.test(segment) && !/[[\]]/u.test(segment.replace(PLAIN_SET, ''));
}
