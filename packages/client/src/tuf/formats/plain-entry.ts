import type { KnownForm } from '../json.js';
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
  readonly target: KnownForm = { levels: 2, endOf: (bytes, at) => this.#target(bytes, behind(bytes, at, OPEN)) };
  /** An entry of a snapshot: digests if there are any, a length if there is one, a version from 1 up. */
  readonly versioned: KnownForm = { levels: 2, endOf: (bytes, at) => this.#versioned(bytes, behind(bytes, at, OPEN)) };

  constructor(form: DigitForm) {
    this.#openings = Object.entries(form.lengths).map(([name, digits]) => ({ text: ascii(`"${name}":"`), digits }));
    this.#fits = form.fits;
  }

  /** Whether the validated JSON value at [start, end) is as `target`, but for a `custom` before. False says nothing against it. */
  isTargetWithCustom(bytes: Uint8Array, start: number, end: number): boolean {
    if (!begins(bytes, start, CUSTOM)) return false;
    return this.#target(bytes, behind(bytes, skipValue(bytes, start + CUSTOM.length), COMMA)) === end;
  }

  #target(bytes: Uint8Array, start: number): number {
    const at = behind(bytes, this.#hashes(bytes, start), COMMA);
    return behind(bytes, integer(bytes, at, LENGTH), CLOSE);
  }

  #versioned(bytes: Uint8Array, start: number): number {
    let at = start;
    if (begins(bytes, at, HASHES)) at = behind(bytes, this.#hashes(bytes, at), COMMA);
    if (begins(bytes, at, LENGTH)) at = behind(bytes, integer(bytes, at, LENGTH), COMMA);
    const isZero = bytes[at + VERSION.length] === ZERO;
    return isZero ? NOT : behind(bytes, integer(bytes, at, VERSION), CLOSE);
  }

  #hashes(bytes: Uint8Array, start: number): number {
    if (!begins(bytes, start, HASHES)) return NOT;
    let at = start + HASHES.length;
    let end = NOT;
    for (const { text, digits } of this.#openings) {
      if (!begins(bytes, at, text)) continue;
      const from = at + text.length;
      end = this.#fits(bytes, from, digits) ? behind(bytes, from + digits, QUOTE) : NOT;
      at = behind(bytes, end, COMMA);
    }
    return behind(bytes, end, CLOSE);
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
  if (!begins(bytes, start, name)) return NOT;
  const first = start + name.length;
  let at = first;
  while (isDigit(bytes[at] ?? 0)) at += 1;
  const digits = at - first;
  return digits === 1 || (digits > 1 && digits <= SAFE_DIGITS && bytes[first] !== ZERO) ? at : NOT;
}

function behind(bytes: Uint8Array, at: number, character: number): number {
  return at !== NOT && bytes[at] === character ? at + 1 : NOT;
}

function begins(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  if (at === NOT) return false;
  for (let i = 0; i < text.length; i += 1) if (bytes[at + i] !== text[i]) return false;
  return true;
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39;
}

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
