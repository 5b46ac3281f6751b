import { canonical } from '../../simulator/documents.js';

/** Digits JavaScript would round, put into a text in place of a marker that survives `JSON.stringify`. */
const DIGITS = '12345678901234567890123';
const MARKER = '@digits@';

/**
 * What nobody here knows: names that trip up property tables and sorting, escapes, line breaks, an integer that no number
 * holds. Parsed, so that `__proto__` is a member.
 */
const CONTENT = `{"zz":[1,null,{"b":false,"a":"\\"\\\\\\n\u00fc\\ud83d\\ude00"}],"__proto__":{"10":"x","9":[]},"big":"${MARKER}"}`;

/** Names that every client puts in the same order. */
const NAMES = ['x-strange', 'aa', 'zz', '😀', 'constructor'];

/** `object` with members of no known name beside its own. */
export function strange<T extends object>(object: T): T {
  return withMembers(object, [...NAMES, '\uff61']);
}

/** As `strange`, with nothing that the server refuses for some client's sake. */
export function acceptablyStrange<T extends object>(object: T): T {
  return withMembers(object, NAMES);
}

function withMembers<T extends object>(object: T, names: readonly string[]): T {
  return { ...object, ...Object.fromEntries(names.map((name) => [name, JSON.parse(CONTENT) as unknown])) };
}

/** The canonical form, with the digits in their place. */
export function canonicalText(value: unknown): string {
  return canonical(value).replaceAll(`"${MARKER}"`, DIGITS);
}

/** A file as somebody else's tools write it: spread out, members as they come, signatures with unknown members too. */
export function strangeFile(signed: unknown, signatures: readonly { keyid: string; sig: string }[] = []): Uint8Array {
  const file = strange({ signed, signatures: signatures.map(strange) });
  return Buffer.from(JSON.stringify(file, undefined, 2).replaceAll(`"${MARKER}"`, DIGITS));
}
