import { CountersignError } from './errors.js';
import { nextNameEnd, plainEnd, sequenceEnd } from './json-string.js';
import { SPOTS, WALKED, type JsonText, type KnownForm, type MemberIndex } from './json-text.js';
import { compareKeys, decodeString } from './json-walk.js';

/** What one JSON text may not exceed. */
export interface JsonLimits {
  /** Levels of objects and arrays inside one another. */
  readonly depth: number;
}

/** Longer integers are refused, as Python's own limit does; converting one takes quadratic time. */
const NUMBER_LIMIT = 4300;
/** The recursion of the scanner must end well before the stack does. */
const DEPTH_LIMIT = 512;

/**
 * One pass over attacker-controlled bytes: strict UTF-8 without a BOM, strict JSON, members unique by their decoded names,
 * no lone surrogates, nothing but white space behind the value (tuf.md C4). Notes on the way where canonical form ends.
 */
export class Scanner {
  readonly #bytes: Uint8Array;
  readonly #depth: number;
  readonly #known: KnownForm | undefined;
  readonly #spots: number[] = [];
  #onlySpace = true;
  readonly #indexes = new Map<number, MemberIndex>();
  #at = 0;
  /** Offsets of the names of all open objects' members: a stack, each object owns the part above its base. */
  #names = new Int32Array(64);
  #top = 0;

  /** `known`: a form that many of the members' values are in. */
  constructor(bytes: Uint8Array, limits: JsonLimits, known?: KnownForm) {
    this.#bytes = bytes;
    this.#depth = Math.min(limits.depth, DEPTH_LIMIT);
    this.#known = known;
  }

  /** @throws CountersignError `malformed`, or `too-many` for too many levels */
  scan(): { readonly text: JsonText; readonly start: number; readonly end: number } {
    this.#space();
    const start = this.#at;
    this.#value(0);
    const end = this.#at;
    this.#space();
    if (this.#at !== this.#bytes.length) this.#fail('bytes after the end of the value');
    const parts = { bytes: this.#bytes, known: this.#known, indexes: this.#indexes };
    return { text: { ...parts, spots: this.#spots, onlySpace: this.#onlySpace }, start, end };
  }

  #fail(why: string): never {
    throw new CountersignError('malformed', `not valid JSON at byte ${this.#at}: ${why}`);
  }

  #spot(at: number): void {
    if (this.#spots.length < SPOTS) this.#spots.push(at);
  }

  /** Notes that the text departs from canonical form by more than white space. */
  #depart(at: number): void {
    this.#spot(at);
    this.#onlySpace = false;
  }

  #peek(): number {
    return this.#at < this.#bytes.length ? (this.#bytes[this.#at] ?? -1) : -1;
  }

  #space(): void {
    const start = this.#at;
    let c = this.#peek();
    while (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) {
      this.#at += 1;
      c = this.#peek();
    }
    if (this.#at > start) this.#spot(start);
  }

  #value(depth: number): void {
    const c = this.#peek();
    if (c === 0x22) this.#string();
    else if (c === 0x7b) this.#object(depth + 1);
    else if (c === 0x5b) this.#array(depth + 1);
    else if (c === 0x2d || (c >= 0x30 && c <= 0x39)) this.#number();
    else if (c === 0x74) this.#word('true');
    else if (c === 0x66) this.#word('false');
    else if (c === 0x6e) this.#word('null');
    else this.#fail(c === -1 ? 'the text is cut short' : 'a value was expected');
  }

  #enter(depth: number): void {
    if (depth > this.#depth) {
      throw new CountersignError('too-many', `the JSON is nested deeper than ${this.#depth} levels`, {
        detail: { limit: this.#depth },
      });
    }
    this.#at += 1;
    this.#space();
  }

  #object(depth: number): void {
    const open = this.#at;
    this.#enter(depth);
    if (this.#peek() === 0x7d) {
      this.#at += 1;
      return;
    }
    const base = this.#top;
    const known = this.#known !== undefined && depth + this.#known.levels <= this.#depth ? this.#known : undefined;
    const others: number[] | undefined = known === undefined ? undefined : [];
    let ascending = true;
    let isNamed = false;
    for (;;) {
      if (!isNamed) ascending = this.#name(base, ascending);
      others?.push(this.#names[this.#top - 1] ?? 0);
      this.#value(depth);
      isNamed = known !== undefined && this.#passOver(known);
      if (!isNamed && this.#last(0x7d)) break;
    }
    if (!ascending) this.#refuseDuplicates(base);
    if (this.#at - open > WALKED) {
      this.#indexes.set(open, { names: this.#names.slice(base, this.#top), ascending, others, end: this.#at });
    }
    this.#top = base;
  }

  /**
   * Behind a member: passes over those that follow as long as they are told at sight, names that ascend and values in the form
   * `known`. In one loop of its own, since that is soon compiled. Says whether it ended at a value, whose name is read.
   */
  #passOver(known: KnownForm): boolean {
    const bytes = this.#bytes;
    let name = this.#names[this.#top - 1] ?? 0;
    while (bytes[this.#at] === 0x2c) {
      const before = name;
      name = this.#at + 1;
      const colon = nextNameEnd(bytes, before, name);
      if (colon === -1 || bytes[colon] !== 0x3a) return false;
      this.#push(name);
      const end = known.endOf(bytes, colon + 1);
      if (end === -1) {
        this.#at = colon + 1;
        this.#space();
        return true;
      }
      this.#at = end;
    }
    return false;
  }

  /** Reads a member's name and colon; says whether the names of this object have been strictly ascending so far. */
  #name(base: number, ascending: boolean): boolean {
    if (this.#peek() !== 0x22) this.#fail('a member name was expected');
    const at = this.#at;
    const before = this.#top > base ? this.#names[this.#top - 1] : undefined;
    this.#push(at);
    this.#string();
    const isNext = before === undefined || compareKeys(this.#bytes, before, at) < 0;
    if (!isNext) this.#depart(at);
    this.#space();
    if (this.#peek() !== 0x3a) this.#fail('":" was expected');
    this.#at += 1;
    this.#space();
    return ascending && isNext;
  }

  #push(name: number): void {
    if (this.#top === this.#names.length) {
      const grown = new Int32Array(this.#names.length * 2);
      grown.set(this.#names);
      this.#names = grown;
    }
    this.#names[this.#top] = name;
    this.#top += 1;
  }

  #refuseDuplicates(base: number): void {
    const seen = new Set<string>();
    for (let i = base; i < this.#top; i += 1) {
      const name = decodeString(this.#bytes, this.#names[i] ?? 0);
      if (seen.has(name)) this.#fail(`the member ${JSON.stringify(name.slice(0, 60))} occurs twice in one object`);
      seen.add(name);
    }
  }

  #array(depth: number): void {
    this.#enter(depth);
    if (this.#peek() === 0x5d) {
      this.#at += 1;
      return;
    }
    do this.#value(depth);
    while (!this.#last(0x5d));
  }

  /** Behind an element: consumes "," (false) or the closing bracket (true). */
  #last(close: number): boolean {
    this.#space();
    const c = this.#peek();
    if (c !== close && c !== 0x2c)
      this.#fail(c === -1 ? 'the text is cut short' : '"," or a closing bracket was expected');
    this.#at += 1;
    if (c === close) return true;
    this.#space();
    return false;
  }

  #word(word: string): void {
    for (let i = 0; i < word.length; i += 1) {
      if (this.#peek() !== word.charCodeAt(i)) this.#fail(`"${word}" was expected`);
      this.#at += 1;
    }
  }

  #digits(): void {
    const start = this.#at;
    for (let c = this.#peek(); c >= 0x30 && c <= 0x39; c = this.#peek()) this.#at += 1;
    if (this.#at === start) this.#fail('a digit was expected');
  }

  #number(): void {
    const start = this.#at;
    const negative = this.#peek() === 0x2d;
    if (negative) this.#at += 1;
    const zero = this.#peek() === 0x30;
    if (zero) this.#at += 1;
    else this.#digits();
    const integerEnd = this.#at;
    if (this.#peek() === 0x2e) {
      this.#at += 1;
      this.#digits();
    }
    if ((this.#peek() | 0x20) === 0x65) {
      this.#at += 1;
      if (this.#peek() === 0x2b || this.#peek() === 0x2d) this.#at += 1;
      this.#digits();
    }
    if (this.#at - start > NUMBER_LIMIT) this.#fail(`a number is longer than ${NUMBER_LIMIT} digits`);
    if (this.#at !== integerEnd || (negative && zero)) this.#depart(start);
  }

  #string(): void {
    const bytes = this.#bytes;
    let i = this.#at + 1;
    for (;;) {
      i = plainEnd(bytes, i);
      const c = bytes[i];
      if (c === 0x22) break;
      if (c === 0x5c) {
        i = this.#escape(i);
        continue;
      }
      this.#at = i;
      if (c === undefined) this.#fail('a string is not closed');
      if (c < 0x20) this.#fail('a control character in a string');
      i = sequenceEnd(bytes, i);
      if (i === -1) this.#fail('not UTF-8');
    }
    this.#at = i + 1;
  }

  #escape(at: number): number {
    this.#at = at;
    const c = this.#bytes[at + 1] ?? 0;
    if (c === 0x22 || c === 0x5c) return at + 2;
    this.#depart(at);
    // / b f n r t
    if (c === 0x2f || c === 0x62 || c === 0x66 || c === 0x6e || c === 0x72 || c === 0x74) return at + 2;
    if (c !== 0x75) this.#fail('an unknown escape');
    const unit = this.#hex4(at + 2);
    if (unit < 0xd800 || unit > 0xdfff) return at + 6;
    const paired = unit <= 0xdbff && this.#bytes[at + 6] === 0x5c && this.#bytes[at + 7] === 0x75;
    const second = paired ? this.#hex4(at + 8) : 0;
    if (second < 0xdc00 || second > 0xdfff) this.#fail('a lone surrogate');
    return at + 12;
  }

  #hex4(at: number): number {
    let unit = 0;
    for (let i = at; i < at + 4; i += 1) {
      const c = this.#bytes[i] ?? 0;
      const lower = c | 0x20;
      if (c >= 0x30 && c <= 0x39) unit = unit * 16 + c - 0x30;
      else if (lower >= 0x61 && lower <= 0x66) unit = unit * 16 + lower - 0x57;
      else this.#fail('four hexadecimal digits were expected');
    }
    return unit;
  }
}
