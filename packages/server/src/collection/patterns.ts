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
  if (SPECIAL.test(segment) || /[[\]]/u.test(segment.replace(PLAIN_SET, ''))) return false;
  return (segment.match(PLAIN_SET) ?? []).every(isSetReadAlike);
}

/**
 * A range from high to low is empty in Python and an error, or no range, in tuf-js; a character above U+FFFF is one member
 * of the set in Python and two in tuf-js.
 */
function isSetReadAlike(set: string): boolean {
  const members = Array.from(set.replace(/^\[!?/u, '').slice(0, -1));
  if (members.some((member) => member.length > 1)) return false;
  for (let at = 0; at < members.length; at += 1) {
    const [low = '', dash, high] = members.slice(at, at + 3);
    if (dash !== '-' || high === undefined) continue;
    if (low > high) return false;
    at += 2;
  }
  return true;
}
