import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CountersignError, formatNamed, parseTargetPath, type FormatName } from '@countersign/client/tuf';
import { PLAIN } from '../../packages/client/src/tuf/formats/tuf1-files.js';
import { canonicalise, scan, type KnownForm } from '../../packages/client/src/tuf/json.js';

const PATH = parseTargetPath('a/file');
const encoder = new TextEncoder();

/** A targets file with one entry. Signatures are none of the parser's business. */
function fileWith(format: FormatName, entry: string): Uint8Array {
  const [type, spec] = format === 'tuf-1' ? ['targets', '"spec_version":"1.0.34",'] : ['Targets', ''];
  const delegations = format === 'tuf-1' ? '' : '"delegations":{"keys":{},"roles":[]},';
  const signed = `{"_type":"${type}",${delegations}"expires":"2031-01-01T00:00:00Z",${spec}"targets":{"${PATH}":${entry}},"version":1}`;
  return encoder.encode(`{"signatures":[],"signed":${signed}}`);
}

/** What the parser says of the entry: what it holds, or the code it is refused with. */
function read(format: FormatName, entry: string): unknown {
  try {
    const target = formatNamed(format).parseTargets(fileWith(format, entry)).signed.targets.get(PATH);
    const hashes = [...(target?.hashes ?? [])].map(([name, bytes]) => [name, Buffer.from(bytes).toString('hex')]);
    return { length: target?.length, hashes, custom: JSON.stringify(target?.custom) };
  } catch (error) {
    if (error instanceof CountersignError) return error.code;
    throw error;
  }
}

/** Digits of a digest, most of them right. */
function digits(format: FormatName): fc.Arbitrary<string> {
  const whole = fc.uint8Array({ minLength: 32, maxLength: 64 }).map((bytes) => {
    const cut = bytes.length < 48 ? bytes.subarray(0, 32) : bytes.length === 64 ? bytes : bytes.subarray(0, 48);
    return Buffer.from(cut).toString(format === 'tuf-1' ? 'hex' : 'base64');
  });
  const spoilt = fc
    .tuple(whole, fc.nat(200), fc.constantFrom('g', '=', '', '-', 'AA', 'é'))
    .map(([text, at, by]) => text.slice(0, at % text.length) + by + text.slice((at % text.length) + 1));
  return fc.oneof({ weight: 4, arbitrary: whole }, spoilt, fc.constant(''));
}

function entries(format: FormatName): fc.Arbitrary<readonly string[]> {
  const length = fc.oneof(
    { weight: 3, arbitrary: fc.nat().map(String) },
    fc.constantFrom('-1', '1.5', '1e3', '9007199254740993', '9007199254740991', '12345678901234567890', '"1"', 'null'),
  );
  const algorithm = fc.oneof({ weight: 5, arbitrary: fc.constantFrom('sha256', 'sha512') }, fc.constant('sha3'));
  const hashes = fc.dictionary(algorithm, digits(format), { maxKeys: 2 }).map((all) => JSON.stringify(all));
  const custom = fc.constantFrom(undefined, 'null', '{"a":[1,2]}', '"text"');
  const more = fc.constantFrom(undefined, '{"b":1}');
  return fc
    .record({ custom, hashes, length, more })
    .map(({ custom, hashes, length, more }) => [
      ...(custom === undefined ? [] : [`"custom":${custom}`]),
      `"hashes":${hashes}`,
      `"length":${length}`,
      ...(more === undefined || format === 'notary-1' ? [] : [`"more":${more}`]),
    ]);
}

describe.each(['tuf-1', 'notary-1'] as const)('entries of targets in %s', (format) => {
  it('are taken or refused alike, spelt plainly or in any other way', () => {
    let taken = 0;
    fc.assert(
      fc.property(entries(format), (members) => {
        const plain = read(format, `{${members.join(',')}}`);
        if (typeof plain === 'object') taken += 1;
        // A blank is enough for the entry to go the long way.
        expect(read(format, `{${members.join(', ')}}`)).toEqual(plain);
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  it.each([
    ['a digit that is none', (digest: string) => `z${digest.slice(1)}`.replace('z', '*')],
    ['a digit too few', (digest: string) => digest.slice(1)],
    ['no digit at all', () => ''],
  ])('are refused with a digest of %s', (_, spoil) => {
    const digest = Buffer.alloc(32, 0xa7).toString(format === 'tuf-1' ? 'hex' : 'base64');
    expect(read(format, `{"hashes":{"sha256":"${digest}"},"length":5}`)).toMatchObject({ length: 5 });
    expect(read(format, `{"hashes":{"sha256":"${spoil(digest)}"},"length":5}`)).toBe('malformed');
  });

  it('are refused where what is behind the length is not the end', () => {
    const digest = Buffer.alloc(32, 1).toString(format === 'tuf-1' ? 'hex' : 'base64');
    for (const length of ['5.0', '5e0', '05', '-5', '99999999999999999999']) {
      expect(read(format, `{"hashes":{"sha256":"${digest}"},"length":${length}}`)).toBe('malformed');
    }
  });
});

describe('a table of targets', () => {
  const digest = 'a7'.repeat(32);
  const plain = `{"hashes":{"sha256":"${digest}"},"length":5}`;
  const both = (...algorithms: readonly string[]): string =>
    `{"hashes":{${algorithms.map((name) => `"${name}":"${digest}"`).join(',')}},"length":5}`;
  const others = [
    `{"custom":{"a":[1]},${plain.slice(1)}`,
    `{"length":5,"hashes":{"sha256":"${digest}"}}`,
    both('sha256', 'sha512').replace(/"sha512":"[^"]*/u, `$&${digest}`),
    both('sha512', 'sha256').replace(/"sha512":"[^"]*/u, `$&${digest}`),
    `{"hashes":{"sha256":"${digest}"},"length":5,"more":1}`,
    `{"hashes":{"sha256":"${digest}"},"length":-5}`,
    both('sha256', 'sha256'),
    `[${plain}]`,
    'null',
  ];
  const names = fc.oneof(
    fc.constantFrom('', 'a', 'a!', 'a b', 'ab', 'a"', 'a\\', 'a\u007f', 'ä', 'ab/ä', '\uff61', '😀', '\n'),
    fc.string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 1, maxLength: 3 }),
  );
  const spellings = [JSON.stringify, (name: string) => JSON.stringify(name).replace('a', '\\u0061')];
  const member = fc.tuple(
    names,
    fc.oneof({ weight: 9, arbitrary: fc.constant(spellings[0]!) }, fc.constantFrom(...spellings)),
    fc.oneof({ weight: 9, arbitrary: fc.constant(plain) }, fc.constantFrom(...others)),
  );
  const tables = fc.tuple(fc.array(member, { maxLength: 8 }), fc.boolean());

  /** What the parser says of a table: the signed bytes and every entry, or the code it is refused with. */
  function readTable(table: string): unknown {
    const signed = `{"_type":"targets","expires":"2031-01-01T00:00:00Z","spec_version":"1.0.34","targets":{${table}},"version":1}`;
    const long = `"x":"${'x'.repeat(2_000)}"`; // more than a walk looks through
    try {
      const file = formatNamed('tuf-1').parseTargets(encoder.encode(`{"signatures":[],"signed":${signed},${long}}`));
      const entries = Array.from(file.signed.targets, ([path, { length, hashes, custom }]) => {
        expect(file.signed.targets.get(path)?.length).toBe(length);
        return [path, length, [...hashes], custom];
      });
      return { entries, signed: Buffer.from(file.signedBytes).toString() };
    } catch (error) {
      if (error instanceof CountersignError) return error.code;
      throw error;
    }
  }

  it('means the same, is signed as the same and is refused alike, spelt plainly or in any other way', () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(tables, ([members, sorted]) => {
        if (sorted) members.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        const entries = members.map(([name, spell, entry]) => [spell(name), entry] as const);
        const read = readTable(entries.map(([name, entry]) => `${name}:${entry}`).join(','));
        seen[typeof read === 'object' ? 'taken' : 'refused'] += 1;
        // A blank is enough for every entry to go the long way.
        expect(readTable(entries.map(([name, entry]) => `${name}: ${entry}`).join(','))).toEqual(read);
        expect(readTable(entries.map(([name, entry]) => `${name} :${entry}`).join(' ,'))).toEqual(read);
        const inside = entries.map(([name, entry]) => `${name}:${entry.replace(/(?<=^[{[])/u, ' ')}`);
        expect(readTable(inside.join(','))).toEqual(read);
      }),
      { numRuns: 2_000 },
    );
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(100);
  });

  it('is scanned alike, whether or not its entries are known, wherever there is a slip', () => {
    const entries = ['p/1', 'p/2', 'p/20', 'q', 'r'].map((name) => `"${name}":${plain}`).join(',');
    const good = new TextDecoder().decode(fileWith('tuf-1', plain)).replace(`"${PATH}":${plain}`, entries);
    const canonical = (text: string, known?: KnownForm): string => {
      try {
        return Buffer.from(canonicalise(scan(encoder.encode(text), { depth: 32 }, known))).toString();
      } catch (error) {
        if (error instanceof CountersignError) return error.code;
        throw error;
      }
    };
    const slip = fc.constantFrom('', '"', ',', ':', '{', '}', '[', ']', '-', '0', '\\', ' ', '\n', 'x', '\u007f', 'é');
    const seen = { taken: 0, refused: 0 };
    const check = (at: number, cut: number, put: string): void => {
      const text = good.slice(0, at) + put + good.slice(at + cut);
      const read = canonical(text, PLAIN.target);
      expect(read).toBe(canonical(text));
      seen[read === 'malformed' ? 'refused' : 'taken'] += 1;
    };
    for (let at = 0; at < good.length; at += 1) check(at, 1, '');
    fc.assert(fc.property(fc.nat(good.length - 1), fc.nat(2), slip, check), { numRuns: 1_000 });
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(100);
  });

  it.each(['"a":1,"a":2', '"a":1,"b":1,"a":1', '"a":1,"\\u0061":1', '"ab":1,"a":1,"ab":1'])(
    'that names one target twice is refused: %s',
    (table) => {
      expect(readTable(table.replaceAll(/\d+(?=,|$)/gu, plain))).toBe('malformed');
    },
  );

  it('is refused where a target has no path, before any is asked for', () => {
    const text = new TextDecoder().decode(fileWith('tuf-1', plain)).replace(`"${PATH}":`, `"":${plain},"${PATH}":`);
    expect(() => formatNamed('tuf-1').parseTargets(encoder.encode(text))).toThrow(
      expect.objectContaining({ code: 'invalid-name' }),
    );
  });

  it('is refused wherever it is cut short', () => {
    const text = new TextDecoder().decode(fileWith('tuf-1', plain));
    for (let end = 0; end < text.length; end += 1) {
      expect(() => formatNamed('tuf-1').parseTargets(encoder.encode(text.slice(0, end)))).toThrow(CountersignError);
    }
  });

  it('is refused where its entries are nested too deeply', () => {
    const parse = (depth: number): unknown => formatNamed('tuf-1').parseTargets(fileWith('tuf-1', plain), { depth });
    expect(() => parse(4)).toThrow(expect.objectContaining({ code: 'too-many' }));
    expect(parse(5)).toBeDefined();
  });
});

/** What the parser says of one entry of a snapshot, under a name. */
function readMeta(name: string, entry: string): unknown {
  const signed = `{"_type":"snapshot","expires":"2031-01-01T00:00:00Z","meta":{${name}:${entry}},"spec_version":"1.0.34","version":1}`;
  try {
    const snapshot = formatNamed('tuf-1').parseSnapshot(encoder.encode(`{"signatures":[],"signed":${signed}}`)).signed;
    return [...snapshot.meta].map(([role, meta]) => [
      role,
      meta.by === 'version' ? meta.version : undefined,
      meta.length,
      Array.from(meta.hashes, ([algorithm, bytes]) => `${algorithm} ${Buffer.from(bytes).toString('hex')}`),
    ]);
  } catch (error) {
    if (error instanceof CountersignError) return error.code;
    throw error;
  }
}

describe('entries of a snapshot', () => {
  const integer = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 99 }).map(String) },
    fc.constantFrom('-1', '1.0', '1e1', '9007199254740993', '999999999999999', '"1"', 'null'),
  );
  const hashes = fc.dictionary(fc.constantFrom('sha256', 'sha512', 'sha3'), digits('tuf-1'), { maxKeys: 2 });
  const members = fc.record({
    hashes: fc.option(hashes.map((all) => `"hashes":${JSON.stringify(all)}`)),
    length: fc.option(integer.map((value) => `"length":${value}`)),
    version: fc.option(
      integer.map((value) => `"version":${value}`),
      { freq: 9 },
    ),
    more: fc.option(fc.constant('"x":1'), { freq: 9 }),
  });

  it('are taken or refused alike, spelt plainly or in any other way', () => {
    let taken = 0;
    fc.assert(
      fc.property(members, ({ hashes, length, version, more }) => {
        const present = [hashes, length, version, more].filter((member) => member !== null);
        const plain = readMeta('"role.json"', `{${present.join(',')}}`);
        if (typeof plain === 'object') taken += 1;
        expect(readMeta('"role.json"', `{ ${present.join(', ')}}`)).toEqual(plain);
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  it.each([
    ['"targets.json"', 'targets'],
    ['"a b.json"', 'a b'],
    ['"\\u0061.json"', 'a'],
    ['"ä.json"', 'ä'],
    ['".json.json"', '.json'],
  ])('are found under the name %s', (name, role) => {
    expect(readMeta(name, '{"version":7}')).toEqual([[role, 7, undefined, []]]);
  });

  it.each(['"targets"', '".json"', '""', '"targets.jso"', '"targets.json "', '"x.JSON"', '"\\u0000"'])(
    'are refused under the name %s',
    (name) => {
      expect(readMeta(name, '{"version":7}')).toMatch(/^(?:malformed|invalid-name)$/u);
    },
  );
});
