import { concatBytes } from './encoding.js';
import { CountersignError } from './errors.js';

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag of `[number]` around another element. */
export function explicitTag(number: number): number {
  return 0xa0 | number;
}

/**
 * A strict reader of DER (X.690 §10) over attacker-controlled bytes: definite, shortest lengths, low tag numbers, nothing
 * left over. Every fault is a `malformed` error.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The tag of the next element, undefined at the end. */
  peek(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** The content of the next element, whose tag must be `tag`. */
  read(tag: number): Uint8Array {
    if (this.peek() !== tag) return fail(`tag ${tag} was expected at byte ${this.#at}`);
    this.#at += 1;
    const length = this.#length();
    const content = this.#bytes.subarray(this.#at, this.#at + length);
    if (content.length !== length) return fail('an element is cut short');
    this.#at += length;
    return content;
  }

  /** The next element with its header, whatever its tag. */
  element(): Uint8Array {
    const start = this.#at;
    const tag = this.peek() ?? fail('an element is missing');
    if ((tag & 0x1f) === 0x1f) fail('a tag number is not low');
    this.read(tag);
    return this.#bytes.subarray(start, this.#at);
  }

  /** A reader of the next element's content if its tag is `tag`, else undefined and nothing is read. */
  enterIf(tag: number): DerReader | undefined {
    return this.peek() === tag ? this.enter(tag) : undefined;
  }

  /** A reader of the next element's content. */
  enter(tag: number): DerReader {
    return new DerReader(this.read(tag));
  }

  /** The magnitude of the next INTEGER without leading zeros, which must be positive and minimally encoded. */
  positiveInteger(): Uint8Array {
    const content = this.read(TAG.integer);
    const first = content[0];
    const second = content[1] ?? 0;
    if (first === undefined || first >= 0x80) return fail('an INTEGER is not positive');
    if (first !== 0) return content;
    if (content.length === 1 || second < 0x80) return fail('an INTEGER is zero or not minimal');
    return content.subarray(1);
  }

  /** The next BOOLEAN if there is one, else false, which is what leaving it out means wherever it is optional. */
  optionalBoolean(): boolean {
    if (this.peek() !== TAG.boolean) return false;
    const content = this.read(TAG.boolean);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) fail('a BOOLEAN is neither true nor false');
    return content[0] !== 0;
  }

  /** The next BIT STRING, which must hold whole bytes. */
  octetsOfBitString(): Uint8Array {
    const content = this.read(TAG.bitString);
    if (content[0] !== 0) return fail('a BIT STRING does not hold whole bytes');
    return content.subarray(1);
  }

  end(): void {
    if (!this.atEnd) fail('bytes after the end');
  }

  #length(): number {
    const first = this.#bytes[this.#at] ?? fail('a length is cut short');
    this.#at += 1;
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 3) return fail('a length is indefinite or too large');
    let length = 0;
    for (let i = 0; i < count; i += 1) {
      length = length * 256 + (this.#bytes[this.#at] ?? fail('a length is cut short'));
      this.#at += 1;
    }
    if (length < 0x80 || length < 256 ** (count - 1)) return fail('a length is not minimal');
    return length;
  }
}

function fail(why: string): never {
  throw new CountersignError('malformed', `not DER: ${why}`);
}

/** One element. */
export function derElement(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(...parts);
  const length = content.length;
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  const header = length < 0x80 ? [tag, length] : [tag, 0x80 | octets.length, ...octets];
  return concatBytes(Uint8Array.from(header), content);
}

/** An INTEGER from an unsigned magnitude. */
export function derInteger(magnitude: Uint8Array): Uint8Array {
  const first = magnitude.findIndex((byte) => byte !== 0);
  const minimal = first === -1 ? Uint8Array.of(0) : magnitude.subarray(first);
  return (minimal[0] ?? 0) >= 0x80
    ? derElement(TAG.integer, Uint8Array.of(0), minimal)
    : derElement(TAG.integer, minimal);
}
