import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scan, toData, type JsonView } from '../../packages/client/src/tuf/json.js';
import { hasCode } from '@countersign/client/tuf';

const names = fc.oneof(
  fc.constantFrom('', 'a', 'b', '10', '9', '__proto__', 'constructor', '\uff61', '😀', '\n"\\/\u0000\u007f'),
  fc.string({ unit: 'binary', maxLength: 4 }).filter((name) => name.isWellFormed()),
);
const numbers = fc.oneof(
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -1),
);
const { value: values } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom(null, true, false),
    numbers,
    names,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(names, tie('value'), { maxKeys: 4 }),
    // More than a walk looks through: these are found by index.
    fc
      .dictionary(names, tie('value'), { minKeys: 3, maxKeys: 4 })
      .map((some) => ({ ...some, long: 'x'.repeat(2_000) })),
  ),
}));

/** One of the many ways to write a value. */
function write(value: unknown, choose: () => number): string {
  const space = (): string => ['', '', ' ', '\n\t', '\r '][choose() % 5]!;
  const around = (text: string): string => space() + text + space();
  if (typeof value === 'string')
    return around(`"${Array.from(value, (char) => writeChar(char, choose() % 3)).join('')}"`);
  if (typeof value !== 'object' || value === null) return around(JSON.stringify(value));
  if (Array.isArray(value)) return around(`[${value.map((item) => write(item, choose)).join(',') || space()}]`);
  const members = Object.entries(value).map(([name, member]) => `${write(name, choose)}:${write(member, choose)}`);
  return around(`{${members.join(',') || space()}}`);
}

function writeChar(char: string, how: number): string {
  const units = Array.from({ length: char.length }, (_, at) => char.charCodeAt(at));
  const escaped = units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  if (how === 0) return escaped.toUpperCase().replaceAll('\\U', '\\u');
  if (how === 1) return char === '/' ? '\\/' : JSON.stringify(char).slice(1, -1);
  return char < ' ' ? escaped : JSON.stringify(char).slice(1, -1);
}

const written = fc.tuple(values, fc.infiniteStream(fc.nat(29))).map(([value, stream]) => {
  return write(value, () => Number(stream.next().value));
});

/** As `toData`, through look-ups by name in place of walking over everything. */
function lookedUp(view: JsonView): unknown {
  if (view.kind === 'array') return view.items().map(lookedUp);
  if (view.kind !== 'object') return toData(view);
  const found = Array.from(view.keys(), (name) => [name, lookedUp(view.get(name)!)] as const);
  expect(view.size).toBe(found.length);
  for (const name of ['no such name', 'toString', '']) expect(view.has(name)).toBe(found.some(([own]) => own === name));
  return fromEntries(found);
}

function fromEntries(entries: readonly (readonly [string, unknown])[]): object {
  const object = Object.create(null) as object;
  for (const [name, value] of entries) Object.defineProperty(object, name, { value, enumerable: true });
  return object;
}

/** `JSON.parse`, with objects that have no prototype; big integers as they are. */
function reference(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? fromEntries(Object.entries(value)) : value,
  ) as unknown;
}

/** Integers beyond the safe range, which JSON.parse rounds, rounded as it does; and its -0. */
function rounded(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value;
  return fromEntries(Object.entries(value).map(([name, member]) => [name, rounded(member)]));
}

describe('the JSON scanner', () => {
  it('reads every valid text as JSON.parse does, by walking and by looking up', () => {
    fc.assert(
      fc.property(written, (text) => {
        const view = scan(Buffer.from(text));
        const expected = rounded(reference(text));
        expect(rounded(toData(view))).toEqual(expected);
        expect(rounded(lookedUp(view))).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('takes nothing that JSON.parse refuses, and refuses nothing else but what it says it refuses', () => {
    const slip = fc.constantFrom(
      '',
      '"',
      ',',
      ':',
      '{',
      '}',
      '[',
      ']',
      '-',
      '0',
      '1',
      '.',
      'e',
      '\\',
      'u',
      ' ',
      '\ufeff',
      'x',
    );
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(written, fc.nat(), fc.nat(2), slip, (good, where, cut, put) => {
        const at = where % (good.length + 1);
        const text = good.slice(0, at) + put + good.slice(at + cut);
        fc.pre(text.isWellFormed());
        try {
          expect(rounded(toData(scan(Buffer.from(text))))).toEqual(rounded(reference(text)));
          seen.taken += 1;
        } catch (error) {
          if (!hasCode(error, 'malformed')) throw error;
          seen.refused += 1;
          if (!/occurs twice|lone surrogate|out of range/u.test(error.message)) expect(() => reference(text)).toThrow();
        }
      }),
      { numRuns: 1_000 },
    );
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(100);
  });

  it('takes no bytes that are not UTF-8', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    // The bytes at which its rules turn, and one that is no part of a sequence.
    const utf8 = fc.constantFrom(
      ...[0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf],
      ...[0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff],
    );
    fc.assert(
      fc.property(fc.array(utf8, { maxLength: 5 }), (content) => {
        const text = Buffer.of(0x22, ...content, 0x22);
        let expected: string | undefined;
        try {
          expected = decoder.decode(Uint8Array.from(content));
        } catch {
          expect(() => scan(text)).toThrow(expect.objectContaining({ code: 'malformed' }));
          return;
        }
        expect(toData(scan(text))).toBe(expected);
      }),
      {
        numRuns: 2_000,
        examples: [[[0xed, 0xa0, 0x80]], [[0xed, 0xbf, 0xbf]], [[0xed, 0x9f, 0xbf]], [[0xe0, 0x9f, 0xbf]]],
      },
    );
  });

  it.each([16, 64, 512])('ends at %i levels, not at the stack', (depth) => {
    const nested = (levels: number): Uint8Array => Buffer.from('['.repeat(levels) + ']'.repeat(levels));
    expect(scan(nested(depth), { depth }).kind).toBe('array');
    for (const levels of [depth + 1, 100_000])
      expect(() => scan(nested(levels), { depth })).toThrow(expect.objectContaining({ code: 'too-many' }));
    expect(() => scan(Buffer.from('{"a":'.repeat(100_000)), { depth: 1e9 })).toThrow(
      expect.objectContaining({ code: 'too-many' }),
    );
  });
});
