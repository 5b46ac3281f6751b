import type { KnownForm } from '../json.js';
import { skipValue } from '../json-walk.js';

/*
 * Nearly every entry of a large table is spelt in one way, the canonical one. It is told from its bytes, without a look-up and
 * without an object; whatever is spelt otherwise is for the reader that takes any spelling.
 */

/** The digits of one digest as a format spells them. */
export interface DigitForm {
  /** How many digits stand for a digest, by the algorithm's name; in canonical order. */
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
const TARGET = ascii('{"hashes":{');
const LENGTH = ascii('"length":');
const VERSION = ascii('"version":');
/** Any integer of so few digits is a safe one. */
const SAFE_DIGITS = 15;
const QUOTE = 0x22;
const COMMA = 0x2c;
const ZERO = 0x30;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const NOT = -1;

/** Tells plain entries of targets and of a snapshot. */
export class PlainEntry {
  readonly #openings: readonly Opening[];
  readonly #fits: DigitForm['fits'];
  /** What describes a target: digests of known algorithms, a length, and nothing else. */
  readonly target: KnownForm = {
    levels: 2,
    endOf: (bytes, at) => (begins(bytes, at, TARGET) ? this.#targetEnd(bytes, at + TARGET.length) : NOT),
  };
  /** An entry of a snapshot: digests if there are any, a length if there is one, a version from 1 up. */
  readonly versioned: KnownForm = {
    levels: 2,
    endOf: (bytes, at) => (bytes[at] === OPEN ? this.#versionedEnd(bytes, at + 1) : NOT),
  };

  constructor(form: DigitForm) {
    this.#openings = Object.entries(form.lengths).map(([name, digits]) => ({ text: ascii(`"${name}":"`), digits }));
    this.#fits = form.fits;
  }

  /** Whether the validated JSON value at `start` is as `target`, but for a `custom` before. False says nothing against it. */
  isTargetWithCustom(bytes: Uint8Array, start: number): boolean {
    if (!begins(bytes, start, CUSTOM)) return false;
    const at = behind(bytes, skipValue(bytes, start + CUSTOM.length), COMMA);
    return at !== NOT && begins(bytes, at, HASHES) && this.#targetEnd(bytes, at + HASHES.length) !== NOT;
  }

  /** From behind the bracket of its digests. */
  #targetEnd(bytes: Uint8Array, start: number): number {
    const at = behind(bytes, this.#digestsEnd(bytes, start), COMMA);
    if (at === NOT || !begins(bytes, at, LENGTH)) return NOT;
    return behind(bytes, integerEnd(bytes, at + LENGTH.length), CLOSE);
  }

  #versionedEnd(bytes: Uint8Array, start: number): number {
    let at = start;
    if (begins(bytes, at, HASHES)) at = behind(bytes, this.#digestsEnd(bytes, at + HASHES.length), COMMA);
    if (at !== NOT && begins(bytes, at, LENGTH)) at = behind(bytes, integerEnd(bytes, at + LENGTH.length), COMMA);
    if (at === NOT || !begins(bytes, at, VERSION) || bytes[at + VERSION.length] === ZERO) return NOT;
    return behind(bytes, integerEnd(bytes, at + VERSION.length), CLOSE);
  }

  /** Behind the closing bracket of one digest or several, in canonical order. */
  #digestsEnd(bytes: Uint8Array, start: number): number {
    let at = start;
    for (const { text, digits } of this.#openings) {
      if (!begins(bytes, at, text)) continue;
      at += text.length;
      if (!this.#fits(bytes, at, digits) || bytes[at + digits] !== QUOTE) return NOT;
      at += digits + 1;
      if (bytes[at] === CLOSE) return at + 1;
      if (bytes[at] !== COMMA) return NOT;
      at += 1;
    }
    return NOT;
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

/** Behind an integer as canonical JSON writes it, with few digits and no sign. */
function integerEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  for (let c = bytes[at] ?? 0; c >= ZERO && c < ZERO + 10; c = bytes[at] ?? 0) at += 1;
  const digits = at - start;
  return digits === 1 || (digits > 1 && digits <= SAFE_DIGITS && bytes[start] !== ZERO) ? at : NOT;
}

function behind(bytes: Uint8Array, at: number, character: number): number {
  return at !== NOT && bytes[at] === character ? at + 1 : NOT;
}

function begins(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i += 1) if (bytes[at + i] !== text[i]) return false;
  return true;
}

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
