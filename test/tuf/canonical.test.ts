import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalise, encodeCanonical, scan, toData, toWireJson } from '../../packages/client/src/tuf/json.js';
import { hasCode } from '@countersign/client/tuf';
import type { JsonData } from '@countersign/client/tuf';
import vectors from '../vectors/tuf-1/canonical.json' with { type: 'json' };

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(content);

function outcome(input: string): string {
  try {
    return text(canonicalise(scan(bytes(input))));
  } catch (error) {
    if (hasCode(error, 'malformed', 'too-many')) return `refused: ${error.code}`;
    throw error;
  }
}

/** JSON data with every kind of number canonical form has, and names that trip up property tables. */
const name = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('__proto__', 'constructor', '10', '9', '\uff61', '😀'),
);
const wellFormed = name.filter((value) => value.isWellFormed());
const { data } = fc.letrec<{ data: JsonData }>((tie) => ({
  data: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 80n }),
    wellFormed,
    fc.array(tie('data'), { maxLength: 4 }),
    fc.dictionary(wellFormed, tie('data'), { maxKeys: 5, noNullPrototype: false }),
  ),
}));

describe('canonical JSON', () => {
  it.each(vectors)('$name', ({ input, expect: expected }) => {
    expect(outcome(input)).toBe(expected);
  });

  it('returns a part of the received bytes where they are canonical already', () => {
    const raw = bytes(' {"signatures": [], "signed":{"a":[1,{"b":"é\\"\\\\"}],"c":-5}}');
    const view = scan(raw);
    const signed = view.kind === 'object' ? view.get('signed') : undefined;
    const canonical = canonicalise(signed!);
    expect(canonical.buffer).toBe(raw.buffer);
    expect(text(canonical)).toBe('{"a":[1,{"b":"é\\"\\\\"}],"c":-5}');
  });

  it.each([' 1', '"\\n"', '-0', '"\\/"', '"\\u0061"', '{"b":1,"a":2}', '[1 ,2]'])('rebuilds around %s', (part) => {
    const raw = bytes(`[${part},{"ok":1}]`);
    expect(text(canonicalise(scan(raw)))).toBe(text(canonicalise(scan(canonicalOrWire(raw)))));
    expect(canonicalise(scan(raw)).buffer).not.toBe(raw.buffer);
  });

  it('gives up noting departures after thousands of them, and rebuilds', () => {
    const spaced = `[${Array.from({ length: 6000 }, (_, i) => ` ${i}`).join(',')},{"b":1,"a":2}]`;
    expect(outcome(spaced)).toBe(spaced.replaceAll(' ', '').replace('"b":1,"a":2', '"a":2,"b":1'));
  });

  it('leaves out white space between tokens, and none inside of strings', () => {
    const indented = ' {\n\t"a b" : [ 1 , "c \\"\\\\ , " ] ,\r "d\\\\" : { "e" : -5 , "é" : " x" } } ';
    expect(outcome(indented)).toBe('{"a b":[1,"c \\"\\\\ , "],"d\\\\":{"e":-5,"é":" x"}}');
    const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gsu;
    fc.assert(
      fc.property(data, (value) => {
        const wire = text(toWireJson(encodeCanonical(value)));
        expect(outcome(wire.replace(token, (part) => ` ${part}\n`))).toBe(text(encodeCanonical(value)));
      }),
    );
  });

  it.each([
    ['{ "b":1,"a":2}', '{"a":2,"b":1}'],
    ['[ -0]', '[0]'],
    ['[ "\\u0061"]', '["a"]'],
    ['[ 1.0]', 'refused: malformed'],
  ])('looks for more than white space: %s', (written, canonical) => {
    expect(outcome(written)).toBe(canonical);
  });

  it('encodes data to bytes that scan and canonicalise to themselves, once made valid JSON', () => {
    fc.assert(
      fc.property(data, (value) => {
        const canonical = encodeCanonical(value);
        const wire = toWireJson(canonical);
        expect(text(canonicalise(scan(wire)))).toBe(text(canonical));
        expect(text(encodeCanonical(toData(scan(wire))))).toBe(text(canonical));
      }),
    );
  });

  it('is the same however the document was written', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }).filter(wholeNumbers), fc.constantFrom(0, 1, 3), (value, indent) => {
        expect(outcome(JSON.stringify(value, null, indent))).toBe(text(encodeCanonical(value as JsonData)));
      }),
    );
  });

  it.each([
    ['a fraction', 1.5],
    ['an integer beyond the safe range', 2 ** 53],
    ['not a number', Number.NaN],
    ['a lone surrogate', 'x\ud800'],
    ['a name with a lone surrogate', { '\udc00': 1 }],
  ])('refuses to encode %s', (_, value) => {
    expect(() => encodeCanonical(value)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });
});

function canonicalOrWire(raw: Uint8Array): Uint8Array {
  return toWireJson(canonicalise(scan(raw)));
}

function wholeNumbers(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value);
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, member]) => key.isWellFormed() && wholeNumbers(member));
}
