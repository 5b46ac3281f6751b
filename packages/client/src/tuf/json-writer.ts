import { CountersignError } from './errors.js';

const encoder = new TextEncoder();

/** Collects JSON from text and bytes. Text gathers until bytes come, since encoding many small strings one by one is slow. */
export class JsonWriter {
  #buffer = new Uint8Array(1024);
  #length = 0;
  #pending = '';

  text(text: string): void {
    this.#pending += text;
  }

  /** A string with its quotes. @throws CountersignError `malformed` for ill-formed Unicode */
  quoted(text: string): void {
    if (!text.isWellFormed()) throw new CountersignError('malformed', 'a string is not well-formed Unicode');
    this.#pending += /["\\]/u.test(text) ? `"${text.replace(/["\\]/gu, '\\$&')}"` : `"${text}"`;
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
    if (bytes.length === 0) return;
    this.#flush();
    this.#append(bytes);
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
    this.#flush();
    return this.#buffer.slice(0, this.#length);
  }

  #flush(): void {
    if (this.#pending === '') return;
    const encoded = encoder.encode(this.#pending);
    this.#pending = '';
    this.#append(encoded);
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = needed;
  }
}
