import { base64Size, isHexDigits } from './digits.js';
import { utf8Decode } from './encoding.js';
import { CountersignError } from './errors.js';
import { WALKED, type JsonText, type KnownForm, type MemberIndex, type Offsets } from './json-text.js';
import { compareKeyTo, compareKeys, contentOf, decodeString, isKey, skipValue, valueOf, walk } from './json-walk.js';
import type { JsonData } from './model.js';

/** A value inside a validated text. Views hold offsets, not values: what nobody asks for is never built. */
export type JsonView = JsonObject | JsonArray | JsonString | JsonNumber | JsonBoolean | JsonNull;

abstract class Slice {
  readonly text: JsonText;
  readonly start: number;
  readonly end: number;

  constructor(text: JsonText, start: number, end: number) {
    this.text = text;
    this.start = start;
    this.end = end;
  }
}

/** One member of an object: where its name begins, and its value. */
export interface JsonMember {
  readonly at: number;
  readonly value: JsonView;
}

export class JsonObject extends Slice {
  readonly kind = 'object';
  #index: MemberIndex | undefined;
  #positions: ReadonlyMap<string, number> | undefined;

  get size(): number {
    return this.#indexed().names.length;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  get(name: string): JsonView | undefined {
    return this.end - this.start <= WALKED ? this.#walkTo(name) : this.#lookUp(name);
  }

  *keys(): IterableIterator<string> {
    const { names } = this.#indexed();
    for (const at of names) yield decodeString(this.text.bytes, at);
  }

  *entries(): IterableIterator<[string, JsonView]> {
    for (const { at, value } of this.members()) yield [decodeString(this.text.bytes, at), value];
  }

  /** Tells the offset of the opening quote of each member's name, in document order. */
  forEachName(visit: (name: number) => void): void {
    const { names } = this.#indexed();
    for (const name of names) visit(name);
  }

  /** As `forEachName`, without the members whose values the scanner has found to be in the form `known`. */
  forEachNotIn(known: KnownForm, visit: (name: number) => void): void {
    const { names, others } = this.#indexed();
    for (const name of others !== undefined && this.text.known === known ? others : names) visit(name);
  }

  /** The value of the member whose name's opening quote is at `name`. */
  valueAt(name: number): JsonView {
    const { bytes, indexes } = this.text;
    const start = valueOf(bytes, name);
    return viewOf(this.text, start, indexes.get(start)?.end ?? skipValue(bytes, start));
  }

  /** The members in document order, their names not decoded. */
  *members(): IterableIterator<JsonMember> {
    const { names } = this.#indexed();
    for (const name of names) yield this.#member(name);
  }

  /** The members in canonical order: by code point of their names. */
  *canonicalMembers(): IterableIterator<JsonMember> {
    const { names, ascending } = this.#indexed();
    if (ascending) {
      yield* this.members();
      return;
    }
    const { bytes } = this.text;
    for (const name of Array.from(names).sort((a, b) => compareKeys(bytes, a, b))) yield this.#member(name);
  }

  #member(name: number): JsonMember {
    return { at: name, value: this.valueAt(name) };
  }

  #walkTo(name: string): JsonView | undefined {
    const { bytes } = this.text;
    let found: JsonView | undefined;
    walk(bytes, this.start, (at, value, end) => {
      if (!isKey(bytes, at, name)) return undefined;
      found = viewOf(this.text, value, end);
      return 'stop';
    });
    return found;
  }

  #lookUp(name: string): JsonView | undefined {
    const { names, ascending } = this.#indexed();
    const at = ascending ? this.#search(names, name) : this.#position(names, name);
    return at === undefined ? undefined : this.valueAt(at);
  }

  #search(names: Offsets, name: string): number | undefined {
    const content = new TextEncoder().encode(name);
    let low = 0;
    let high = names.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const at = names[middle] ?? 0;
      const order = compareKeyTo(this.text.bytes, at, content);
      if (order === 0) return at;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  #position(names: Offsets, name: string): number | undefined {
    this.#positions ??= new Map(Array.from(names, (at) => [decodeString(this.text.bytes, at), at]));
    return this.#positions.get(name);
  }

  #indexed(): MemberIndex {
    this.#index ??= this.text.indexes.get(this.start) ?? indexOf(this);
    return this.#index;
  }
}

/** The index of a small object, which the scanner has not noted. */
function indexOf({ text: { bytes }, start, end }: Slice): MemberIndex {
  const names: number[] = [];
  let ascending = true;
  walk(bytes, start, (name) => {
    const before = names.at(-1);
    ascending &&= before === undefined || compareKeys(bytes, before, name) < 0;
    names.push(name);
  });
  return { names, ascending, others: undefined, end };
}

export class JsonArray extends Slice {
  readonly kind = 'array';

  /** The elements; built anew by each call. */
  items(): readonly JsonView[] {
    const items: JsonView[] = [];
    walk(this.text.bytes, this.start, (_, value, end) => {
      items.push(viewOf(this.text, value, end));
    });
    return items;
  }
}

export class JsonString extends Slice {
  readonly kind = 'string';

  get value(): string {
    return decodeString(this.text.bytes, this.start);
  }

  /** One or more whole bytes in hexadecimal of either case; told without decoding anything. */
  isHex(): boolean {
    return isHexDigits(this.#content());
  }

  /** How many bytes this stands for as standard padded base64, undefined where it is none; told without decoding anything. */
  base64Size(): number | undefined {
    return base64Size(this.#content());
  }

  #content(): Uint8Array {
    return contentOf(this.text.bytes, this.start, this.end - 1);
  }
}

export class JsonNumber extends Slice {
  readonly kind = 'number';

  /** The digits as received. */
  get raw(): string {
    return utf8Decode(this.text.bytes.subarray(this.start, this.end));
  }

  /** No fraction and no exponent. */
  get isInteger(): boolean {
    const { bytes } = this.text;
    for (let i = this.start; i < this.end; i += 1) {
      const c = bytes[i] ?? 0;
      // Only a fraction or an exponent brings in ".", "e" or "E".
      if (c === 0x2e || (c | 0x20) === 0x65) return false;
    }
    return true;
  }

  /** The exact value, or undefined for a fraction, an exponent or a magnitude JavaScript would round (C2). */
  toSafeInteger(): number | undefined {
    const { bytes } = this.text;
    const negative = bytes[this.start] === 0x2d;
    const first = negative ? this.start + 1 : this.start;
    // Sixteen digits hold every safe integer, and no sum of that many loses a digit before it is compared.
    if (this.end - first > 16) return undefined;
    let value = 0;
    for (let i = first; i < this.end; i += 1) {
      const digit = (bytes[i] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) return undefined;
      value = value * 10 + digit;
    }
    if (!Number.isSafeInteger(value)) return undefined;
    return negative && value !== 0 ? -value : value;
  }
}

export class JsonBoolean extends Slice {
  readonly kind = 'boolean';

  get value(): boolean {
    return this.text.bytes[this.start] === 0x74;
  }
}

export class JsonNull extends Slice {
  readonly kind = 'null';
}

/** The view of the value at [start, end) of a validated text. */
export function viewOf(text: JsonText, start: number, end: number): JsonView {
  switch (text.bytes[start]) {
    case 0x7b:
      return new JsonObject(text, start, end);
    case 0x5b:
      return new JsonArray(text, start, end);
    case 0x22:
      return new JsonString(text, start, end);
    case 0x74:
    case 0x66:
      return new JsonBoolean(text, start, end);
    case 0x6e:
      return new JsonNull(text, start, end);
    default:
      return new JsonNumber(text, start, end);
  }
}

/**
 * The value as plain data: objects without a prototype, so that `__proto__` is a member like any other, and integers beyond
 * the safe range as bigint.
 * @throws CountersignError `malformed` for a number no program could hold, such as 1e999
 */
export function toData(view: JsonView): JsonData {
  switch (view.kind) {
    case 'null':
      return null;
    case 'boolean':
    case 'string':
      return view.value;
    case 'number':
      return numberData(view);
    case 'array':
      return view.items().map(toData);
    case 'object': {
      const data = Object.create(null) as Record<string, JsonData>;
      for (const [name, value] of view.entries()) data[name] = toData(value);
      return data;
    }
  }
}

function numberData(view: JsonNumber): number | bigint {
  const safe = view.toSafeInteger();
  if (safe !== undefined) return safe;
  if (view.isInteger) return BigInt(view.raw);
  const value = Number(view.raw);
  if (!Number.isFinite(value))
    throw new CountersignError('malformed', `the number ${view.raw.slice(0, 40)} is out of range`);
  return value;
}
