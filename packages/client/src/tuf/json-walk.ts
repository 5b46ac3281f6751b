/*
 * Steps over JSON bytes that the scanner has validated already: nothing here checks the grammar again.
 */

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The first offset from `at` that is not white space. */
function skipSpace(bytes: Uint8Array, at: number): number {
  let i = at;
  while ((bytes[i] ?? 0x21) <= 0x20) i += 1;
  return i;
}

/** The offset behind the string whose opening quote is at `at`. */
export function skipString(bytes: Uint8Array, at: number): number {
  let i = at + 1;
  for (let c = bytes[i]; c !== 0x22 && c !== undefined; c = bytes[i]) i += c === 0x5c ? 2 : 1;
  return i + 1;
}

/** The offset of the value of the member whose name's opening quote is at `name`. */
export function valueOf(bytes: Uint8Array, name: number): number {
  return skipSpace(bytes, skipSpace(bytes, skipString(bytes, name)) + 1);
}

/** The offset behind the value that begins at `at`. */
export function skipValue(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first === 0x22) return skipString(bytes, at);
  if (first !== 0x7b && first !== 0x5b) return skipWord(bytes, at);
  let depth = 0;
  let i = at;
  while (i < bytes.length) {
    const c = bytes[i] ?? 0;
    if (c === 0x22) {
      i = skipString(bytes, i);
      continue;
    }
    i += 1;
    if (c === 0x7b || c === 0x5b) depth += 1;
    else if (c === 0x7d || c === 0x5d) {
      depth -= 1;
      if (depth === 0) break;
    }
  }
  return i;
}

/** Behind a number or a literal: up to white space, a comma, a closing bracket or the end. */
function skipWord(bytes: Uint8Array, at: number): number {
  let i = at;
  for (let c = bytes[i] ?? 0; c > 0x20 && c !== 0x2c && c !== 0x5d && c !== 0x7d; c = bytes[i] ?? 0) i += 1;
  return i;
}

/**
 * Visits the elements of the object or array whose bracket is at `open`. In an object `name` is the offset of the member
 * name's opening quote; in an array it is -1. A visitor that says `stop` ends the walk.
 */
export function walk(
  bytes: Uint8Array,
  open: number,
  visit: (name: number, value: number, end: number) => 'stop' | undefined,
): void {
  const isObject = bytes[open] === 0x7b;
  let i = skipSpace(bytes, open + 1);
  while (i < bytes.length && bytes[i] !== 0x7d && bytes[i] !== 0x5d) {
    let name = -1;
    if (isObject) {
      name = i;
      i = valueOf(bytes, i);
    }
    const value = i;
    const end = skipValue(bytes, i);
    if (visit(name, value, end) === 'stop') return;
    i = skipSpace(bytes, end);
    if (bytes[i] === 0x2c) i = skipSpace(bytes, i + 1);
  }
}

/** The text of the string whose opening quote is at `at`. */
export function decodeString(bytes: Uint8Array, at: number): string {
  // Gluing characters together would look cheaper for short strings, and leave ropes that cost far more when they are used.
  return decoder.decode(contentOf(bytes, at, skipString(bytes, at) - 1));
}

/** The UTF-8 bytes a string stands for; `end` is the offset of its closing quote. */
export function contentOf(bytes: Uint8Array, at: number, end: number): Uint8Array {
  const raw = bytes.subarray(at + 1, end);
  return raw.includes(0x5c) ? unescape(raw) : raw;
}

// " / \ b f n r t
const SIMPLE: ReadonlyMap<number, number> = new Map([
  [0x22, 0x22],
  [0x2f, 0x2f],
  [0x5c, 0x5c],
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
]);

function unescape(raw: Uint8Array): Uint8Array {
  // No escape is shorter than the UTF-8 it stands for.
  const out = new Uint8Array(raw.length);
  let length = 0;
  for (let i = 0; i < raw.length; i += 1) {
    const c = raw[i] ?? 0;
    if (c !== 0x5c) {
      out[length] = c;
      length += 1;
      continue;
    }
    i += 1;
    const simple = SIMPLE.get(raw[i] ?? 0);
    if (simple !== undefined) {
      out[length] = simple;
      length += 1;
      continue;
    }
    let point = hex4(raw, i + 1);
    i += 4;
    if (point >= 0xd800 && point <= 0xdbff) {
      point = 0x10000 + ((point - 0xd800) << 10) + hex4(raw, i + 3) - 0xdc00;
      i += 6;
    }
    length = writeCodePoint(out, length, point);
  }
  return out.subarray(0, length);
}

function hex4(raw: Uint8Array, at: number): number {
  return Number.parseInt(String.fromCharCode(...raw.subarray(at, at + 4)), 16);
}

function writeCodePoint(out: Uint8Array, at: number, point: number): number {
  if (point < 0x80) {
    out[at] = point;
    return at + 1;
  }
  const more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  out[at] = ([0, 0xc0, 0xe0, 0xf0][more] ?? 0) | (point >>> (6 * more));
  for (let i = 1; i <= more; i += 1) out[at + i] = 0x80 | ((point >>> (6 * (more - i))) & 0x3f);
  return at + more + 1;
}

/** Orders two strings, given by their opening quotes, by code point: the byte order of their UTF-8 content (C1). */
export function compareKeys(bytes: Uint8Array, a: number, b: number): number {
  for (let i = 1; ; i += 1) {
    const x = bytes[a + i] ?? 0;
    const y = bytes[b + i] ?? 0;
    if (x === 0x5c || y === 0x5c) return compareBytes(contentAt(bytes, a), contentAt(bytes, b));
    if (x === 0x22 || y === 0x22) return (x === 0x22 ? 0 : 1) - (y === 0x22 ? 0 : 1);
    if (x !== y) return x - y;
  }
}

/** Whether the string at `at` is `name`. */
export function isKey(bytes: Uint8Array, at: number, name: string): boolean {
  for (let i = 0; ; i += 1) {
    const c = bytes[at + 1 + i] ?? 0;
    if (c === 0x22) return i === name.length;
    if (c === 0x5c || c >= 0x80) return decodeString(bytes, at) === name;
    if (c !== name.charCodeAt(i)) return false;
  }
}

/** Orders the string at `at` against plain UTF-8 content. */
export function compareKeyTo(bytes: Uint8Array, at: number, content: Uint8Array): number {
  for (let i = 0; ; i += 1) {
    const x = bytes[at + 1 + i] ?? 0;
    if (x === 0x5c) return compareBytes(contentAt(bytes, at), content);
    if (x === 0x22) return i === content.length ? 0 : -1;
    if (i === content.length) return 1;
    const y = content[i] ?? 0;
    if (x !== y) return x - y;
  }
}

function contentAt(bytes: Uint8Array, at: number): Uint8Array {
  return contentOf(bytes, at, skipString(bytes, at) - 1);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
