import { CountersignError } from './errors.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function malformed(what: string): never {
  throw new CountersignError('malformed', what);
}

/** @throws CountersignError `malformed` for ill-formed Unicode, which UTF-8 cannot carry */
export function utf8Encode(text: string): Uint8Array {
  if (!text.isWellFormed()) malformed('a text is not well-formed Unicode');
  return encoder.encode(text);
}

/** @throws CountersignError `malformed` for invalid UTF-8; a BOM is kept as the character it is */
export function utf8Decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new CountersignError('malformed', 'a text is not UTF-8', { cause });
  }
}

/** Lower-case hexadecimal. */
export function hexEncode(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += (byte < 16 ? '0' : '') + byte.toString(16);
  return text;
}

/** The bytes of a whole hexadecimal text in either case, or undefined where any of it is not hexadecimal (K5). */
export function hexDecode(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i += 1) {
    const high = nibble(text.charCodeAt(i * 2));
    const low = nibble(text.charCodeAt(i * 2 + 1));
    if (high < 0 || low < 0) return undefined;
    bytes[i] = high * 16 + low;
  }
  return bytes;
}

function nibble(unit: number): number {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30;
  const lower = unit | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const SEXTETS: ReadonlyMap<string, number> = new Map(Array.from(ALPHABET, (letter, value) => [letter, value]));

/** Standard base64 with padding (RFC 4648 §4). */
export function base64Encode(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += ALPHABET.charAt(group >>> 18) + ALPHABET.charAt((group >>> 12) & 63);
    text += left > 1 ? ALPHABET.charAt((group >>> 6) & 63) : '=';
    text += left > 2 ? ALPHABET.charAt(group & 63) : '=';
  }
  return text;
}

/** The bytes of standard padded base64, or undefined for anything else: white space, missing padding, stray low bits. */
export function base64Decode(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let written = 0;
  let bits = 0;
  let held = 0;
  for (let i = 0; i < text.length - padding; i += 1) {
    const sextet = SEXTETS.get(text.charAt(i));
    if (sextet === undefined) return undefined;
    held = (held << 6) | sextet;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[written] = held >>> bits;
    written += 1;
    held &= (1 << bits) - 1;
  }
  return held === 0 ? bytes : undefined;
}

/** Plain comparison; nothing here is secret, so its timing does not matter. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Orders strings by code point, as canonical JSON does; JavaScript's own order is by UTF-16 unit (C1). */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all that fit in one unit, so they rank above U+E000 to U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

const PEM = /^\s*-----BEGIN PUBLIC KEY-----\s*([A-Za-z0-9+/=\s]*?)\s*-----END PUBLIC KEY-----\s*$/u;

/** The DER SubjectPublicKeyInfo inside one `PUBLIC KEY` block (RFC 7468), or undefined where the text is anything else. */
export function pemDecode(pem: string): Uint8Array | undefined {
  // The largest key anybody uses is under 4 kB; a bound keeps the expression's work small.
  if (pem.length > 16_384) return undefined;
  const body = PEM.exec(pem)?.[1];
  return body === undefined ? undefined : base64Decode(body.replace(/\s/gu, ''));
}

/** A PEM block (RFC 7468) with a newline at its end, lines of 64 characters. */
export function pemEncode(der: Uint8Array, label = 'PUBLIC KEY'): string {
  const lines = base64Encode(der).match(/.{1,64}/gu) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

const CERTIFICATE_BLOCKS = /-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]*)-----END CERTIFICATE-----\n/gu;

/**
 * The DER of one or more `CERTIFICATE` blocks; undefined unless the text is, byte for byte, what `pemEncode` makes of them:
 * no other spelling of the same certificates, nothing before, between or behind them.
 */
export function pemCertificates(text: string): readonly Uint8Array[] | undefined {
  // A chain has a few kilobytes; a bound keeps the work small.
  if (text.length > 65_536) return undefined;
  const certificates: Uint8Array[] = [];
  let written = '';
  for (const [, body] of text.matchAll(CERTIFICATE_BLOCKS)) {
    const der = base64Decode((body ?? '').replaceAll('\n', ''));
    if (der === undefined) return undefined;
    certificates.push(der);
    written += pemEncode(der, 'CERTIFICATE');
  }
  return certificates.length > 0 && written === text ? certificates : undefined;
}
