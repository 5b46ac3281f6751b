import { derElement, DerReader, derInteger, TAG } from './der.js';
import { hexDecode, hexEncode } from './encoding.js';
import { CountersignError } from './errors.js';

export type Curve = 'P-256' | 'P-384' | 'P-521';

/** What a SubjectPublicKeyInfo holds. */
export type SpkiInfo =
  | { readonly kind: 'ed25519'; readonly raw: Uint8Array }
  | { readonly kind: 'ec'; readonly curve: Curve; readonly point: Uint8Array }
  | { readonly kind: 'rsa'; readonly modulusBits: number };

/**
 * What an RSA key may have and still be cheap to verify with: 1 ms at these limits. A key anybody can make up, with a modulus
 * of 16,384 bits or an exponent as long as the modulus, takes tens of milliseconds a signature. 8,192 bits is what security
 * modules make at most; exponents are 65,537 nearly everywhere, and never longer than what common libraries let one choose.
 */
const RSA_MOST = { modulusBits: 8_192, exponentBits: 32 } as const;

/** Object identifiers by the hexadecimal of their DER content. */
const OID = { ed25519: '2b6570', ecPublicKey: '2a8648ce3d0201', rsaEncryption: '2a864886f70d010101' } as const;
const CURVES: readonly { readonly curve: Curve; readonly oid: string; readonly size: number }[] = [
  { curve: 'P-256', oid: '2a8648ce3d030107', size: 32 },
  { curve: 'P-384', oid: '2b81040022', size: 48 },
  { curve: 'P-521', oid: '2b81040023', size: 66 },
];

function fail(why: string): never {
  throw new CountersignError('malformed', `not a public key this build can use: ${why}`);
}

/** Bytes of a coordinate, and of half a fixed-width signature, on `curve`. */
export function coordinateSize(curve: Curve): number {
  return CURVES.find((row) => row.curve === curve)?.size ?? fail(curve);
}

/**
 * Reads a DER SubjectPublicKeyInfo strictly: one key has one encoding (points uncompressed, RSA parameters NULL), so that
 * equal bytes and equal keys are the same thing (K2). An RSA key that is a way to burn CPU is refused.
 * @throws CountersignError `malformed`
 */
export function parseSpki(der: Uint8Array): SpkiInfo {
  const outer = new DerReader(der);
  const spki = outer.enter(TAG.sequence);
  outer.end();
  const algorithm = spki.enter(TAG.sequence);
  const key = spki.octetsOfBitString();
  spki.end();
  const info = readKey(hexEncode(algorithm.read(TAG.oid)), algorithm, key);
  algorithm.end();
  return info;
}

function readKey(oid: string, parameters: DerReader, key: Uint8Array): SpkiInfo {
  switch (oid) {
    case OID.ed25519:
      return key.length === 32 ? { kind: 'ed25519', raw: key } : fail('an Ed25519 key has 32 bytes');
    case OID.ecPublicKey: {
      const named = hexEncode(parameters.read(TAG.oid));
      const row = CURVES.find((candidate) => candidate.oid === named) ?? fail('an unknown curve');
      if (key[0] !== 4 || key.length !== 1 + 2 * row.size)
        return fail('a point is not uncompressed or of the wrong size');
      return { kind: 'ec', curve: row.curve, point: key };
    }
    case OID.rsaEncryption:
      if (parameters.read(TAG.null).length !== 0) return fail('the NULL parameters are not empty');
      return { kind: 'rsa', modulusBits: rsaModulusBits(key) };
    default:
      return fail('an unknown algorithm');
  }
}

function rsaModulusBits(key: Uint8Array): number {
  const outer = new DerReader(key);
  const sequence = outer.enter(TAG.sequence);
  outer.end();
  const modulusBits = bitsOf(sequence.positiveInteger());
  const exponentBits = bitsOf(sequence.positiveInteger());
  sequence.end();
  if (modulusBits > RSA_MOST.modulusBits) return fail(`an RSA modulus of more than ${RSA_MOST.modulusBits} bits`);
  if (exponentBits > RSA_MOST.exponentBits) return fail(`an RSA exponent of more than ${RSA_MOST.exponentBits} bits`);
  return modulusBits;
}

function bitsOf(magnitude: Uint8Array): number {
  return magnitude.length * 8 - Math.clz32(magnitude[0] ?? 0) + 24;
}

function build(oid: string, parameters: readonly Uint8Array[], key: Uint8Array): Uint8Array {
  const algorithm = derElement(TAG.sequence, derElement(TAG.oid, hexDecode(oid) ?? fail(oid)), ...parameters);
  return derElement(TAG.sequence, algorithm, derElement(TAG.bitString, Uint8Array.of(0), key));
}

/** @throws CountersignError `malformed` unless `raw` has 32 bytes */
export function spkiOfEd25519(raw: Uint8Array): Uint8Array {
  return raw.length === 32 ? build(OID.ed25519, [], raw) : fail('an Ed25519 key has 32 bytes');
}

/** From an uncompressed point, `04‖X‖Y`; its length tells the curve. @throws CountersignError `malformed` */
export function spkiOfPoint(point: Uint8Array): Uint8Array {
  const row = CURVES.find(({ size }) => point.length === 1 + 2 * size);
  if (row === undefined || point[0] !== 4) return fail('not an uncompressed point on a known curve');
  return build(OID.ecPublicKey, [derElement(TAG.oid, hexDecode(row.oid) ?? fail(row.oid))], point);
}

/** An ASN.1 DER ECDSA signature as fixed-width r‖s of twice `size` bytes. @throws CountersignError `malformed` */
export function ecdsaToFixed(der: Uint8Array, size: number): Uint8Array {
  const outer = new DerReader(der);
  const sequence = outer.enter(TAG.sequence);
  outer.end();
  const halves = [sequence.positiveInteger(), sequence.positiveInteger()];
  sequence.end();
  const fixed = new Uint8Array(2 * size);
  halves.forEach((half, i) => {
    if (half.length > size) fail('a signature number is too large');
    fixed.set(half, (i + 1) * size - half.length);
  });
  return fixed;
}

/** Fixed-width r‖s as ASN.1 DER. @throws CountersignError `malformed` for an odd or empty length */
export function ecdsaToDer(fixed: Uint8Array): Uint8Array {
  if (fixed.length === 0 || fixed.length % 2 !== 0) return fail('a signature of odd length');
  const size = fixed.length / 2;
  return derElement(TAG.sequence, derInteger(fixed.subarray(0, size)), derInteger(fixed.subarray(size)));
}
