import {
  covers,
  CountersignError,
  NAME_LIMITS,
  type Crypto,
  type PathSet,
  type RoleName,
  type TargetPath,
} from '@countersign/client/tuf';

/*
 * Delegation patterns that every client reads alike. The reference client has Python's fnmatch; tuf-js has minimatch, to
 * which braces, extended globs, backslashes, a leading "!" or "#" and some sets mean more, and whose wildcards do not match a
 * leading dot. A pattern read differently makes different roles speak for one target.
 */

const SPECIAL = /[\\{]|[?*+@!]\(|^[!#]/u;
// What is left in square brackets must be a plain set: no "^", no classes, no bracket within.
const PLAIN_SET = /\[!?[^\][\\^:!-](?:[^\][\\:^]*[^\][\\:^-])?\]/gu;
const ASTRAL = /[\u{10000}-\u{10ffff}]/u;

/** @throws CountersignError `delegation` for a pattern that clients read differently */
export function checkPatterns(by: RoleName, role: RoleName, paths: PathSet): void {
  if (paths.kind !== 'globs') return;
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

/** Whether every client finds that `paths` cover `path`; patterns must have passed `checkPatterns`. */
export function coversForAll(paths: PathSet, path: TargetPath, crypto: Pick<Crypto, 'hash'>): boolean {
  if (paths.kind !== 'globs') return covers(paths, path, crypto);
  const segments = path.split('/');
  return paths.patterns.some(
    (pattern) =>
      covers({ kind: 'globs', patterns: [pattern] }, path, crypto) &&
      pattern.split('/').every((wanted, at) => matchesForAll(wanted, segments[at] ?? '')),
  );
}

/** Of a segment that fnmatch matches. */
function matchesForAll(wanted: string, segment: string): boolean {
  if (segment.startsWith('.') && !wanted.startsWith('.')) return false;
  // One character is one code point in Python, and one UTF-16 unit in tuf-js.
  return !(ASTRAL.test(segment) && /[?[]/u.test(wanted));
}
