import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { derElement, derInteger, DerReader, TAG } from '../../packages/client/src/tuf/der.js';
import { ecdsaToDer, ecdsaToFixed, parseSpki } from '../../packages/client/src/tuf/spki.js';
import { hasCode } from '@countersign/client/tuf';

const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
const tag = fc.constantFrom(...Object.values(TAG));

/** What `read` makes of the bytes, or that it refuses them; anything else it may throw is a fault. */
function outcome<T>(read: () => T): T | 'malformed' {
  try {
    return read();
  } catch (error) {
    if (hasCode(error, 'malformed')) return 'malformed';
    throw error;
  }
}

function readWhole(der: Uint8Array, wanted: number): Uint8Array {
  const reader = new DerReader(der);
  const content = reader.read(wanted);
  reader.end();
  return content;
}

describe('DerReader', () => {
  it.each([0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000])(
    'reads an element of %i bytes that was written',
    (length) => {
      const content = new Uint8Array(length).fill(7);
      expect(Buffer.from(readWhole(derElement(TAG.sequence, content), TAG.sequence)).equals(content)).toBe(true);
    },
  );

  it('takes an element only as derElement writes it: what it reads, written again, is the same', () => {
    fc.assert(
      fc.property(
        tag,
        fc.oneof(
          bytes(40),
          fc.tuple(tag, bytes(40)).map(([t, b]) => derElement(t, b)),
        ),
        (wanted, der) => {
          const content = outcome(() => readWhole(der, wanted));
          if (content !== 'malformed') expect(derElement(wanted, content)).toEqual(der);
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it('reads elements one after the other, each only by its tag, and nothing beyond the end', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(tag, bytes(200)), { maxLength: 5 }), (elements) => {
        const all = Buffer.concat(elements.map(([t, content]) => derElement(t, content)));
        const reader = new DerReader(all);
        for (const [t, content] of elements) {
          expect(outcome(() => reader.read(t ^ 0x40))).toBe('malformed');
          expect(reader.peek()).toBe(t);
          expect(Buffer.from(reader.read(t)).equals(content)).toBe(true);
        }
        expect(reader.atEnd).toBe(true);
        expect(outcome(() => reader.read(TAG.integer))).toBe('malformed');
      }),
    );
  });

  it.each([
    ['a length in more bytes than it needs', '30810101'],
    ['a length with a zero before it', '3082000101'],
    ['an indefinite length', '3080010000'],
    ['a length of four bytes', '308400000001aa'],
    ['a length that is cut short', '3082ff'],
    ['content that is cut short', '300201'],
    ['bytes behind it', '30010100'],
    ['nothing', ''],
    ['a tag alone', '30'],
  ])('refuses %s', (what, hex) => {
    const der = Buffer.from(hex, 'hex');
    expect(outcome(() => readWhole(der, TAG.sequence))).toBe('malformed');
    if (what !== 'bytes behind it') expect(outcome(() => new DerReader(der).read(TAG.sequence))).toBe('malformed');
  });

  it('positive integers come back as they were, and have one spelling', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 70 }), (magnitude) => {
        const first = magnitude.findIndex((byte) => byte !== 0);
        const read = outcome(() => new DerReader(derInteger(magnitude)).positiveInteger());
        expect(read).toEqual(first === -1 ? 'malformed' : magnitude.subarray(first));
        // The same content without derInteger's care: taken only where it is what derInteger writes.
        const plain = derElement(TAG.integer, magnitude);
        const taken = outcome(() => new DerReader(plain).positiveInteger()) !== 'malformed';
        expect(taken).toBe(first !== -1 && Buffer.from(derInteger(magnitude)).equals(plain));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(['0300', '030101', '03020180', '0302'])('refuses the bit string %s, which holds no whole bytes', (hex) => {
    expect(outcome(() => new DerReader(Buffer.from(hex, 'hex')).octetsOfBitString())).toBe('malformed');
  });
});

describe('what is made of DER', () => {
  it('ECDSA signatures go to fixed width and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (fixed) => {
        fc.pre(fixed.subarray(0, 32).some(Boolean) && fixed.subarray(32).some(Boolean));
        expect(ecdsaToFixed(ecdsaToDer(fixed), 32)).toEqual(fixed);
        expect(outcome(() => ecdsaToFixed(ecdsaToDer(Buffer.concat([Buffer.of(1), fixed, Buffer.of(1)])), 32))).toBe(
          'malformed',
        );
      }),
    );
  });

  it('any bytes are a signature in one spelling, or none; a key, or none', () => {
    const part = fc.oneof(
      bytes(34).map((b) => derInteger(b)),
      fc.tuple(tag, bytes(34)).map(([t, b]) => derElement(t, b)),
    );
    const der = fc.oneof(
      bytes(80),
      fc.tuple(part, part).map(([r, s]) => derElement(TAG.sequence, r, s)),
    );
    fc.assert(
      fc.property(der, (sent) => {
        const fixed = outcome(() => ecdsaToFixed(sent, 32));
        if (fixed !== 'malformed') expect(ecdsaToDer(fixed)).toEqual(Uint8Array.from(sent));
        outcome(() => parseSpki(sent));
      }),
      { numRuns: 5_000 },
    );
  });
});
