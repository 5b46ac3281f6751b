import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatInstant, hasCode, instant, parseInstant } from '@countersign/client/tuf';

const LAST = Date.parse('9999-12-31T23:59:59.999Z');
const DAY = 86_400_000;
const moment = fc.integer({ min: 0, max: LAST });
const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

function outcome(text: string): number | 'malformed' {
  try {
    return parseInstant(text);
  } catch (error) {
    if (hasCode(error, 'malformed')) return 'malformed';
    throw error;
  }
}

/** RFC 3339 as this product takes it, by another road: does the text name the day and time that it says? */
function expected(text: string): number | 'malformed' {
  const shape = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d{1,9})?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/iu.exec(text);
  const [, date = '', time = '', fraction = '', sign, hours, minutes] = shape ?? [];
  const wall = Date.parse(`${date}T${time}Z`);
  if (!new Date(Number.isNaN(wall) ? 0 : wall).toISOString().startsWith(`${date}T${time}.`)) return 'malformed';
  const offset = sign === undefined ? 0 : (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -60_000 : 60_000);
  const at = wall - offset + Number(fraction.slice(1, 4).padEnd(3, '0'));
  return date < '1970' || at < 0 || at > LAST ? 'malformed' : at;
}

describe('parseInstant', () => {
  it('reads what formatInstant writes, to the second', () => {
    fc.assert(
      fc.property(moment, (at) => {
        const text = formatInstant(instant(at));
        expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/u);
        expect(parseInstant(text)).toBe(at - (at % 1000));
      }),
    );
  });

  it('reads the same moment in every zone, fractions and all, and writes it again', () => {
    const minutes = fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 });
    const digits = fc.integer({ min: 0, max: 6 });
    fc.assert(
      fc.property(fc.integer({ min: DAY, max: LAST - DAY }), minutes, digits, (at, offset, more) => {
        const wall = new Date(at + offset * 60_000).toISOString().slice(0, -1);
        const [hour, minute] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
        const text = `${wall}${'9'.repeat(more)}${offset < 0 ? '-' : '+'}${pad(hour)}:${pad(minute)}`;
        expect(parseInstant(text), text).toBe(at);
        expect(parseInstant(formatInstant(parseInstant(text)))).toBe(at - (at % 1000));
      }),
    );
  });

  it('reads exactly the days and times that exist', () => {
    const field = (most: number): fc.Arbitrary<string> => fc.integer({ min: 0, max: most }).map((value) => pad(value));
    const year = fc.oneof(fc.constantFrom(0, 1969, 1970, 1972, 2000, 2023, 2024, 2100, 9999), fc.nat(9999));
    const zone = fc.oneof(
      fc.constantFrom('Z', 'z'),
      fc.tuple(fc.constantFrom('+', '-'), field(25), field(61)).map(zoned),
    );
    const fraction = fc.stringMatching(/^(?:\.\d{0,10})?$/u);
    const parts = fc.tuple(year, field(14), field(33), field(25), field(61), field(61), fraction, zone);
    fc.assert(
      fc.property(parts, ([y, month, day, hour, minute, second, rest, z]) => {
        const text = `${pad(y, 4)}-${month}-${day}T${hour}:${minute}:${second}${rest}${z}`;
        expect(outcome(text), text).toBe(expected(text));
      }),
      { numRuns: 5_000 },
    );
  });

  it('refuses everything that is a slip away from a date', () => {
    const slip = fc.oneof(
      fc.constantFrom('', ' ', '\n', 'T', 'Z', '-', ':', '.', '+', '٣', '１'),
      fc.string({ maxLength: 2 }),
    );
    fc.assert(
      fc.property(moment, fc.nat(20), fc.nat(2), slip, (at, where, cut, put) => {
        const good = formatInstant(instant(at));
        const text = good.slice(0, where) + put + good.slice(where + cut);
        expect(outcome(text), text).toBe(expected(text));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ['1970-01-01T00:00:00+00:01', 'malformed'],
    ['1970-01-01T00:00:00-00:01', 60_000],
    ['9999-12-31T23:59:59-00:01', 'malformed'],
    ['9999-12-31T23:59:59.999999999Z', LAST],
    ['2021-12-18T13:28:12.99008-06:00', Date.parse('2021-12-18T19:28:12.990Z')],
    ['2030-06-30T23:59:60Z', 'malformed'],
    ['2030-01-01T24:00:00Z', 'malformed'],
    ['2030-01-01 00:00:00Z', 'malformed'],
    ['2030-01-01T00:00:00', 'malformed'],
    ['2030-01-01T00:00:00,5Z', 'malformed'],
    ['+002030-01-01T00:00:00Z', 'malformed'],
  ])('%s: %s', (text, wanted) => {
    expect(outcome(text)).toBe(wanted);
  });
});

function zoned([sign, hours, minutes]: readonly [string, string, string]): string {
  return `${sign}${hours}:${minutes}`;
}

it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  'a clock that says %s is no moment',
  (clock) => {
    expect(() => instant(clock)).toThrow(expect.objectContaining({ code: 'malformed' }));
  },
);
