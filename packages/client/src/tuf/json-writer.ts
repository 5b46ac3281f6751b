import { CountersignError } from './errors.js';

const encoder = new TextEncoder();

/** Collects JSON from text and bytes. */
export class JsonWriter {
  #buffer = new Uint8Array(1024);
  #length = 0;

  text(text: string): void {
    this.#reserve(text.length);
    let at = this.#length;
    for (let i = 0; i < text.length; i += 1) {
      const unit = text.charCodeAt(i);
      // Nearly all text is ASCII, and short: handing it to the encoder piece by piece would cost more than all the rest.
      if (unit >= 0x80) {
        this.bytes(encoder.encode(text));
        return;
      }
      this.#buffer[at] = unit;
      at += 1;
    }
    this.#length = at;
  }

  /** A string with its quotes. @throws CountersignError `malformed` for ill-formed Unicode */
  quoted(text: string): void {
    if (!text.isWellFormed()) throw new CountersignError('malformed', 'a string is not well-formed Unicode');
    this.text('"');
    this.text(/["\\]/u.test(text) ? text.replace(/["\\]/gu, '\\$&') : text);
    this.text('"');
  }

  /** A string given as UTF-8, with its quotes. */
  quotedBytes(content: Uint8Array): void {
    this.text('"');
    let from = 0;
    for (let i = 0; i < content.length; i += 1) {
      if (content[i] !== 0x22 && content[i] !== 0x5c) continue;
      this.bytes(content.subarray(from, i));
      this.text('\\');
      from = i;
    }
    this.bytes(content.subarray(from));
    this.text('"');
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** `items` between brackets, with commas. */
  list<T>(open: string, items: Iterable<T>, close: string, write: (item: T) => void): void {
    let separator = open;
    for (const item of items) {
      this.text(separator);
      write(item);
      separator = ',';
    }
    this.text(separator === open ? open + close : close);
  }

  /** What was written; the writer must not be used any more. */
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}

/** What takes the place of `length` bytes. */
export interface Replacement {
  readonly length: number;
  readonly text: string;
}

/** `bytes` with what `find` names replaced; itself where that is nothing. */
export function replaceBytes(
  bytes: Uint8Array,
  find: (byte: number, at: number, bytes: Uint8Array) => Replacement | undefined,
): Uint8Array {
  const out = new JsonWriter();
  let from = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    const found = find(bytes[i] ?? 0, i, bytes);
    if (found === undefined) continue;
    out.bytes(bytes.subarray(from, i));
    out.text(found.text);
    from = i + found.length;
    i = from - 1;
  }
  if (from === 0) return bytes;
  out.bytes(bytes.subarray(from));
  return out.finish();
}
