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
const LENGTH = ascii('},"length":');
/** Any integer of so few digits is a safe one. */
const SAFE_DIGITS = 15;

/** Tells plain entries: `custom` if there is one, digests of known algorithms, a length, and nothing else. */
export class PlainEntry {
  readonly #openings: readonly Opening[];
  readonly #fits: DigitForm['fits'];

  constructor(form: DigitForm) {
    this.#openings = Object.entries(form.lengths).map(([name, digits]) => ({ text: ascii(`"${name}":"`), digits }));
    this.#fits = form.fits;
  }

  /** Whether the validated JSON value at [start, end) is one; false says nothing against the value. */
  is(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start + 1;
    if (begins(bytes, start, CUSTOM)) {
      at = skipValue(bytes, start + CUSTOM.length);
      if (bytes[at] !== 0x2c) return false;
      at += 1;
    }
    if (!begins(bytes, at, HASHES)) return false;
    at = this.#digests(bytes, at + HASHES.length);
    if (at === -1 || !begins(bytes, at, LENGTH)) return false;
    at += LENGTH.length;
    const digits = at;
    while (isDigit(bytes[at])) at += 1;
    return at > digits && at - digits <= SAFE_DIGITS && bytes[at] === 0x7d && at + 1 === end;
  }

  /** Behind the last of one or more digests, or -1. */
  #digests(bytes: Uint8Array, start: number): number {
    let at = start;
    for (;;) {
      const opening = this.#openings.find(({ text }) => begins(bytes, at, text));
      if (opening === undefined) return -1;
      const digits = at + opening.text.length;
      at = digits + opening.digits;
      if (bytes[at] !== 0x22 || !this.#fits(bytes, digits, opening.digits)) return -1;
      at += 1;
      if (bytes[at] !== 0x2c) return at;
      at += 1;
    }
  }
}

function begins(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i += 1) if (bytes[at + i] !== text[i]) return false;
  return true;
}

function isDigit(c: number | undefined): boolean {
  return c !== undefined && c >= 0x30 && c <= 0x39;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
