import { skipValue } from '../json-walk.js';

/*
 * Nearly every entry of a large table is spelt in one way, the canonical one. It is told from its bytes, without a look-up and
 * without an object; whatever is spelt otherwise is for the reader that takes any spelling.
 */

/** The digits of one digest as a format spells them. */
export interface DigitForm {
  /** How many digits stand for a digest, by the algorithm's name. */
  readonly lengths: Readonly<Record<string, number>>;
  /** Whether the `length` digits from `at` on are such a digest. */
  readonly fits: (bytes: Uint8Array, at: number, length: number) => boolean;
}

/** A digest's name with its quotes and the opening quote of its digits, as canonical JSON writes them. */
interface Opening {
  readonly text: Uint8Array;
  readonly digits: number;
}

const CUSTOM = ascii('{"custom":');
const HASHES = ascii('"hashes":{');
const LENGTH = ascii('"length":');
const VERSION = ascii('"version":');
/** Any integer of so few digits is a safe one. */
const SAFE_DIGITS = 15;
const COMMA = 0x2c;
const CLOSE = 0x7d;
const NOT = -1;

/** Tells plain entries of targets and of a snapshot; each method tells where the part at `at` ends, or -1 where it is another. */
export class PlainEntry {
  readonly #openings: readonly Opening[];
  readonly #fits: DigitForm['fits'];

  constructor(form: DigitForm) {
    this.#openings = Object.entries(form.lengths).map(([name, digits]) => ({ text: ascii(`"${name}":"`), digits }));
    this.#fits = form.fits;
  }

  /**
   * Whether the validated JSON value at [start, end) describes a target: `custom` if there is one, digests of known algorithms, a
   * length, and nothing else. False says nothing against the value.
   */
  isTarget(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start + 1;
    if (begins(bytes, start, CUSTOM)) at = behind(bytes, skipValue(bytes, start + CUSTOM.length), COMMA);
    at = behind(bytes, this.#hashes(bytes, at), COMMA);
    return behind(bytes, integer(bytes, at, LENGTH), CLOSE) === end;
  }

  /** As `isTarget`, for an entry of a snapshot: digests if there are any, a length if there is one, a version from 1 up. */
  isVersioned(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start + 1;
    if (begins(bytes, at, HASHES)) at = behind(bytes, this.#hashes(bytes, at), COMMA);
    if (at !== NOT && begins(bytes, at, LENGTH)) at = behind(bytes, integer(bytes, at, LENGTH), COMMA);
    const isZero = at !== NOT && bytes[at + VERSION.length] === 0x30;
    return !isZero && behind(bytes, integer(bytes, at, VERSION), CLOSE) === end;
  }

  #hashes(bytes: Uint8Array, start: number): number {
    if (start === NOT || !begins(bytes, start, HASHES)) return NOT;
    let at = start + HASHES.length;
    for (;;) {
      const opening = this.#openings.find(({ text }) => begins(bytes, at, text));
      if (opening === undefined) return NOT;
      const digits = at + opening.text.length;
      if (!this.#fits(bytes, digits, opening.digits)) return NOT;
      at = behind(bytes, digits + opening.digits, 0x22);
      if (at === NOT || bytes[at] !== COMMA) return behind(bytes, at, CLOSE);
      at += 1;
    }
  }
}

/** Whether the string whose opening quote is at `at` is printable ASCII without an escape, ends in `suffix`, and has more. */
export function isPlainName(bytes: Uint8Array, at: number, suffix: Uint8Array): boolean {
  let i = at + 1;
  for (let c = bytes[i] ?? 0; c !== 0x22; c = bytes[i] ?? 0) {
    if (c <= 0x20 || c >= 0x7f || c === 0x5c) return false;
    i += 1;
  }
  return i - at - 1 > suffix.length && begins(bytes, i - suffix.length, suffix);
}

/** Behind a member `name` that is an integer with few digits and no sign. */
function integer(bytes: Uint8Array, start: number, name: Uint8Array): number {
  if (start === NOT || !begins(bytes, start, name)) return NOT;
  const digits = start + name.length;
  let at = digits;
  while (isDigit(bytes[at])) at += 1;
  return at > digits && at - digits <= SAFE_DIGITS ? at : NOT;
}

function behind(bytes: Uint8Array, at: number, character: number): number {
  return at !== NOT && bytes[at] === character ? at + 1 : NOT;
}

function begins(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i += 1) if (bytes[at + i] !== text[i]) return false;
  return true;
}

function isDigit(c: number | undefined): boolean {
  return c !== undefined && c >= 0x30 && c <= 0x39;
}

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
