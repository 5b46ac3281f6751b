import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fnmatch } from '../../packages/client/src/tuf/fnmatch.js';

/** What Python's `fnmatch` documents, as directly as it can be written: by trying everything. */
function naive(text: readonly string[], pattern: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return text.length === 0;
  if (first === '*')
    return Array.from({ length: text.length + 1 }, (_, at) => text.slice(at)).some((s) => naive(s, rest));
  const [char, ...behind] = text;
  if (char === undefined) return false;
  if (first === '?') return naive(behind, rest);
  const body = first === '[' ? /^(!?)(\]?[^\]]*)\]/u.exec(rest.join('')) : null;
  if (body === null || body[2] === '') return char === first && naive(behind, rest);
  return (
    inSet(char, Array.from(body[2]!)) !== (body[1] === '!') && naive(behind, rest.slice(Array.from(body[0]).length))
  );
}

function inSet(char: string, members: readonly string[]): boolean {
  const [low, dash, high] = members;
  if (low === undefined) return false;
  const point = (one: string): number => one.codePointAt(0)!;
  if (dash === '-' && high !== undefined)
    return (point(low) <= point(char) && point(char) <= point(high)) || inSet(char, members.slice(3));
  return char === low || inSet(char, members.slice(1));
}

const unit = (...letters: string[]): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...letters), { maxLength: 9 }).map((parts) => parts.join(''));
const pattern = unit(
  'a',
  'b',
  'c',
  '*',
  '*',
  '?',
  '[',
  ']',
  '!',
  '-',
  '^',
  '\\',
  '{',
  '.',
  'é',
  '😀',
  '[ab]',
  '[!a]',
  '[a-c]',
  '[]a]',
);
const text = unit('a', 'b', 'c', '-', ']', '[', '!', '.', '^', 'é', '😀', '\n');

describe('fnmatch', () => {
  it('matches what trying everything matches', () => {
    let matched = 0;
    fc.assert(
      fc.property(text, pattern, (name, wanted) => {
        const expected = naive(Array.from(name), Array.from(wanted));
        expect(fnmatch(name, wanted), `${name} by ${wanted}`).toBe(expected);
        if (expected) matched += 1;
      }),
      { numRuns: 10_000 },
    );
    expect(matched).toBeGreaterThan(100);
  });

  it('a text without special characters matches itself and nothing else', () => {
    const plain = fc.string({ unit: 'binary' }).map((name) => name.replace(/[*?[]/gu, '_'));
    fc.assert(
      fc.property(plain, plain, (name, other) => fnmatch(name, name) && fnmatch(name, other) === (name === other)),
    );
  });

  // Checked with Python's own fnmatch.fnmatchcase.
  it.each([
    ['a', '[z-a]', false],
    ['a', '[!z-a]', true],
    ['-', '[a-]', true],
    ['b', '[a-c-e]', true],
    ['d', '[a-c-e]', false],
    [']', '[]]', true],
    ['a', '[!]]', true],
    ['[', '[', true],
    ['[!]', '[!]', true],
    ['[]', '[]', true],
    ['^', '[^a]', true],
    ['a', '[^a]', true],
    ['b', '[^a]', false],
    ['😀', '?', true],
    ['a\nb', 'a*b', true],
    ['\\a', '\\a', true],
    ['.hidden', '*', true],
    ['a.txt', '!a.txt', false],
    ['', '*', true],
    ['', '', true],
  ])('%j by %j: %s', (name, wanted, expected) => {
    expect(fnmatch(name, wanted)).toBe(expected);
  });

  it.each([
    ['stars that all have to give back', 'a'.repeat(20_000), `${'*a'.repeat(100)}*b`],
    ['stars in a row', 'a'.repeat(20_000), `${'*'.repeat(20_000)}b`],
    ['sets that never close', 'a'.repeat(20_000), '['.repeat(150_000)],
    ['sets that never close, before one that does', '['.repeat(5_000), `${'[!'.repeat(5_000)}]`],
  ])('takes no time for %s', (_what, name, wanted) => {
    const start = performance.now();
    expect(fnmatch(name, wanted)).toBe(false);
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});
