/*
 * Strings of JSON bytes that nothing has validated yet: the loops that see nearly every byte of a large text.
 */

/** 1 for what stands for itself in a string: ASCII but for control characters, quotes and backslashes. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, c) => Number(c >= 0x20 && c < 0x80 && c !== 0x22 && c !== 0x5c));

/** The first offset from `at` whose byte is none that stands for itself in a string; the end of the text at the latest. */
export function plainEnd(bytes: Uint8Array, at: number): number {
  let i = at;
  while (i < bytes.length && PLAIN[bytes[i] ?? 0] === 1) i += 1;
  return i;
}

/**
 * Where the string at `at` ends, if it can be told at sight to be one, and the next name in canonical order behind the name at
 * `before`; -1 where that has to be looked at closely.
 */
export function nextNameEnd(bytes: Uint8Array, before: number, at: number): number {
  if (bytes[at] !== 0x22) return -1;
  let i = at + 1;
  let j = before + 1;
  // Mostly a name begins as the one before, so the comparison sees most of it: what is equal and plain there is plain here.
  while (bytes[i] === bytes[j] && PLAIN[bytes[j] ?? 0] === 1) {
    i += 1;
    j += 1;
  }
  const c = bytes[i] ?? 0;
  const d = bytes[j] ?? 0;
  const isNext = PLAIN[c] === 1 && (d === 0x22 || (PLAIN[d] === 1 && c > d));
  if (!isNext) return -1;
  i = plainEnd(bytes, i);
  return bytes[i] === 0x22 ? i + 1 : -1;
}

/** The offset behind one UTF-8 sequence of two to four bytes: shortest form, no surrogates, nothing above U+10FFFF; else -1. */
export function sequenceEnd(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  let more = 0;
  let low = 0x80;
  let high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) more = 1;
  else if (lead >= 0xe0 && lead <= 0xef) {
    more = 2;
    if (lead === 0xe0) low = 0xa0;
    if (lead === 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    more = 3;
    if (lead === 0xf0) low = 0x90;
    if (lead === 0xf4) high = 0x8f;
  }
  let valid = more > 0;
  for (let i = at + 1; i <= at + more; i += 1) {
    const c = bytes[i] ?? 0;
    valid &&= c >= low && c <= high;
    low = 0x80;
    high = 0xbf;
  }
  return valid ? at + more + 1 : -1;
}
