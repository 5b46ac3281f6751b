/*
 * Shell-style patterns as Python's `fnmatch` has them, which is what the reference client matches delegation paths with (W7):
 * `*` any run, `?` one character, `[abc]`, `[a-z]`, `[!abc]`; an unclosed `[` is literal; no escapes. Case-sensitive, whole
 * string, by code points. Never a regular expression: patterns are attacker-controlled, and this takes O(n·m) at worst.
 */

type Token =
  | { readonly kind: 'any' }
  | { readonly kind: 'one' }
  | { readonly kind: 'char'; readonly char: string }
  | { readonly kind: 'set'; readonly negated: boolean; readonly ranges: readonly (readonly [string, string])[] };

function tokens(pattern: readonly string[]): readonly Token[] {
  const found: Token[] = [];
  const lastClosing = pattern.lastIndexOf(']');
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern[at] ?? '';
    if (char === '*') found.push({ kind: 'any' });
    else if (char === '?') found.push({ kind: 'one' });
    else if (char === '[') {
      // Behind the last `]` nothing closes: asking each `[` again would take quadratic time.
      const end = at < lastClosing ? closing(pattern, at) : undefined;
      if (end === undefined) found.push({ kind: 'char', char });
      else {
        found.push(set(pattern.slice(at + 1, end)));
        at = end;
      }
    } else found.push({ kind: 'char', char });
  }
  return found;
}

/** Where the set that opens at `at` closes: a `]` right after `[` or `[!` is an ordinary member. */
function closing(pattern: readonly string[], at: number): number | undefined {
  const first = pattern[at + 1] === '!' ? at + 2 : at + 1;
  const end = pattern.indexOf(']', first + 1);
  return end === -1 ? undefined : end;
}

function set(body: readonly string[]): Token {
  const negated = body[0] === '!';
  const members = negated ? body.slice(1) : body;
  const ranges: [string, string][] = [];
  for (let at = 0; at < members.length; at += 1) {
    const low = members[at] ?? '';
    const high = members[at + 2];
    if (members[at + 1] === '-' && high !== undefined) {
      ranges.push([low, high]);
      at += 2;
    } else ranges.push([low, low]);
  }
  return { kind: 'set', negated, ranges };
}

function point(char: string): number {
  return char.codePointAt(0) ?? 0;
}

function matchesOne(token: Token, char: string): boolean {
  if (token.kind === 'one') return true;
  if (token.kind === 'char') return token.char === char;
  if (token.kind === 'any') return false;
  const inside = token.ranges.some(([low, high]) => point(low) <= point(char) && point(char) <= point(high));
  return inside !== token.negated;
}

/** A pattern read once, to be held against many texts. */
export type ReadPattern = readonly Token[];

export function readPattern(pattern: string): ReadPattern {
  return tokens(Array.from(pattern));
}

/** Whether the whole of `text` matches `pattern`. Neither is split at slashes. */
export function fnmatch(text: string, pattern: string): boolean {
  return matches(Array.from(text), readPattern(pattern));
}

/** As `fnmatch`, of a text taken apart into code points. */
export function matches(chars: readonly string[], wanted: ReadPattern): boolean {
  let at = 0;
  let next = 0;
  // Only the last `*` ever needs to give back: an earlier one that took less cannot help (the classic greedy argument).
  let star: { readonly token: number; char: number } | undefined;
  while (at < chars.length) {
    const token = wanted[next];
    if (token?.kind === 'any') {
      star = { token: next, char: at };
      next += 1;
    } else if (token !== undefined && matchesOne(token, chars[at] ?? '')) {
      at += 1;
      next += 1;
    } else if (star !== undefined) {
      star.char += 1;
      at = star.char;
      next = star.token + 1;
    } else return false;
  }
  while (wanted[next]?.kind === 'any') next += 1;
  return next === wanted.length;
}
