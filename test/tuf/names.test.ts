import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCode, parseGun, parseSaneRoleName, parseSaneTargetPath } from '@countersign/client/tuf';

/** Text that is made of what the rules are about, so that most of them come into play in every run. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom('/', '/', '.', '..', '_trust', '*', '\\', '\n', '\u0000', '\u007f', '\u0085', '\ud800', '\udc00'),
      fc.constantFrom(
        'a',
        'root',
        'targets',
        'constructor',
        '__proto__',
        'ä',
        '😀',
        '%2e',
        ' ',
        '\u00a0',
        '\u2028',
        '-',
      ),
      fc.constantFrom('x'.repeat(120), 'ü'.repeat(60), 'y'.repeat(900)),
      fc.string({ unit: 'binary', maxLength: 3 }),
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(''));

const isPlain = (name: string): boolean => name.isWellFormed() && !/\p{Cc}|\\/u.test(name);
const segmentsAvoid = (name: string, ...bad: readonly string[]): boolean =>
  name.split('/').every((segment) => segment !== '' && !bad.includes(segment));
const fits = (name: string, bytes: number): boolean => Buffer.byteLength(name) <= bytes;

const RULES = [
  [
    'parseGun',
    parseGun,
    (name: string) =>
      isPlain(name) && !name.includes('*') && segmentsAvoid(name, '.', '..', '_trust') && fits(name, 255),
  ],
  [
    'parseSaneRoleName',
    parseSaneRoleName,
    (name: string) =>
      isPlain(name) &&
      segmentsAvoid(name, '.', '..') &&
      fits(name, 255) &&
      name.trim() === name &&
      !/[\u{10000}-\u{10ffff}]/u.test(name) &&
      !['root', 'timestamp', 'snapshot', 'targets'].includes(name) &&
      !Object.getOwnPropertyNames(Object.prototype).includes(name),
  ],
  [
    'parseSaneTargetPath',
    parseSaneTargetPath,
    (name: string) => isPlain(name) && segmentsAvoid(name, '.', '..') && fits(name, 1024),
  ],
] as const;

describe.each(RULES)('%s', (_name, parse, isAllowed) => {
  it('takes exactly what the rules allow, unchanged, and refuses the rest by name', () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(text, (name) => {
        if (isAllowed(name)) {
          expect(parse(name)).toBe(name);
          seen.taken += 1;
          return;
        }
        expect(() => parse(name)).toThrow(expect.objectContaining({ code: 'invalid-name' }));
        seen.refused += 1;
      }),
      { numRuns: 3_000 },
    );
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(100);
  });

  it('takes nothing that leads out of a directory or to another host', () => {
    fc.assert(
      fc.property(text, (name) => {
        const taken = ((): string | undefined => {
          try {
            return parse(name);
          } catch (error) {
            if (hasCode(error, 'invalid-name')) return undefined;
            throw error;
          }
        })();
        if (taken === undefined) return;
        const path = taken.split('/').map(encodeURIComponent).join('/');
        expect(new URL(path, 'https://a.example/b/c/').href).toBe(`https://a.example/b/c/${path}`);
      }),
      { numRuns: 3_000 },
    );
  });
});

it.each([
  [parseGun, 255],
  [parseSaneRoleName, 255],
  [parseSaneTargetPath, 1024],
] as const)('the limit of %o is in bytes, not in characters', (parse, bytes) => {
  expect(parse('x'.repeat(bytes))).toHaveLength(bytes);
  expect(() => parse('x'.repeat(bytes + 1))).toThrow(expect.objectContaining({ code: 'invalid-name' }));
  expect(() => parse('ü'.repeat(Math.ceil((bytes + 1) / 2)))).toThrow(
    expect.objectContaining({ code: 'invalid-name' }),
  );
});
