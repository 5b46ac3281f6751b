import { CountersignError } from './errors.js';
import { compareCodePoints } from './encoding.js';
import { isCanonicalAt } from './json-text.js';
import { JsonArray, JsonBoolean, JsonNull, JsonNumber, JsonObject, JsonString, type JsonView } from './json-view.js';
import { contentOf, skipString } from './json-walk.js';
import { JsonWriter, replaceBytes } from './json-writer.js';
import type { JsonData } from './model.js';

/**
 * JSON to be written: plain data, objects as maps (whose names may be anything), and parts of received documents, which are
 * written as they were received, digit for digit.
 */
export type JsonTree =
  JsonData | JsonView | ReadonlyMap<string, JsonTree> | { readonly [name: string]: JsonTree } | readonly JsonTree[];

const DEPTH_LIMIT = 512;

/**
 * The value in OLPC canonical JSON (C1, C2): members ordered by code point, no white space, only `"` and `\` escaped, integers
 * digit for digit. Where the received bytes are canonical already, the result is a part of them, not a copy.
 * @throws CountersignError `malformed` for a fraction or an exponent, which canonical JSON does not have
 */
export function canonicalise(view: JsonView): Uint8Array {
  const { text, start, end } = view;
  if (isCanonicalAt(text, start, end)) return text.bytes.subarray(start, end);
  // As most are that are not canonical: indented, to be read by people.
  if (text.onlySpace) return withoutSpace(text.bytes, start, end);
  const out = new JsonWriter();
  writeView(out, view);
  return out.finish();
}

function withoutSpace(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const out = new Uint8Array(end - start);
  let length = 0;
  let inString = false;
  for (let i = start; i < end; i += 1) {
    const c = bytes[i] ?? 0;
    if (!inString && c <= 0x20) continue;
    out[length] = c;
    length += 1;
    if (c === 0x22) inString = !inString;
    else if (c === 0x5c) {
      i += 1;
      out[length] = bytes[i] ?? 0;
      length += 1;
    }
  }
  return out.subarray(0, length);
}

/**
 * Canonical JSON of a tree.
 * @throws CountersignError `malformed` for fractions, unsafe plain numbers and ill-formed Unicode; `too-many` for too many levels
 */
export function encodeCanonical(tree: JsonTree): Uint8Array {
  const out = new JsonWriter();
  writeTree(out, tree, 0);
  return out.finish();
}

/**
 * The same value as ordinary JSON: canonical form leaves control characters in strings as they are, JSON must escape them.
 * `canonical` must be canonical JSON; reading the result and canonicalising it gives `canonical` again.
 */
export function toWireJson(canonical: Uint8Array): Uint8Array {
  return replaceBytes(canonical, (c) =>
    c >= 0x20 ? undefined : { length: 1, text: c === 0x0a ? '\\n' : unicodeEscape(c) },
  );
}

/** As `toWireJson`, with `<`, `>`, `&`, U+2028 and U+2029 escaped as well: Go's own JSON, safe inside HTML. */
export function toHtmlSafeJson(canonical: Uint8Array): Uint8Array {
  return replaceBytes(toWireJson(canonical), (c, i, bytes) => {
    if (c === 0x3c || c === 0x3e || c === 0x26) return { length: 1, text: unicodeEscape(c) };
    if (c !== 0xe2 || bytes[i + 1] !== 0x80) return undefined;
    const last = bytes[i + 2];
    return last === 0xa8 || last === 0xa9 ? { length: 3, text: unicodeEscape(0x2000 + last - 0x80) } : undefined;
  });
}

function unicodeEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

function writeView(out: JsonWriter, view: JsonView): void {
  const { text, start, end } = view;
  if (isCanonicalAt(text, start, end)) {
    out.bytes(text.bytes.subarray(start, end));
    return;
  }
  switch (view.kind) {
    case 'object':
      writeObject(out, view);
      break;
    case 'array':
      out.list('[', view.items(), ']', (item) => writeView(out, item));
      break;
    case 'string':
      writeString(out, view.text.bytes, view.start);
      break;
    case 'number':
      writeNumber(out, view);
      break;
    default:
      out.bytes(text.bytes.subarray(start, end));
  }
}

function writeObject(out: JsonWriter, view: JsonObject): void {
  out.list('{', view.canonicalMembers(), '}', ({ at, value }) => {
    writeString(out, view.text.bytes, at);
    out.text(':');
    writeView(out, value);
  });
}

function writeString(out: JsonWriter, bytes: Uint8Array, at: number): void {
  const end = skipString(bytes, at);
  const content = contentOf(bytes, at, end - 1);
  // Without an escape the content is a part of the text itself, and its quotes stand around it.
  if (content.buffer === bytes.buffer) out.bytes(bytes.subarray(at, end));
  else out.quotedBytes(content);
}

function writeNumber(out: JsonWriter, view: JsonNumber): void {
  if (!view.isInteger) {
    throw new CountersignError(
      'malformed',
      `${view.raw.slice(0, 40)} is not a whole number: it has no canonical form`,
      {
        next: 'Write numbers inside signed metadata without fraction and exponent.',
      },
    );
  }
  const { bytes } = view.text;
  const isMinusZero = view.end - view.start === 2 && bytes[view.start] === 0x2d && bytes[view.start + 1] === 0x30;
  out.bytes(bytes.subarray(isMinusZero ? view.start + 1 : view.start, view.end));
}

function writeTree(out: JsonWriter, tree: JsonTree, depth: number): void {
  if (depth > DEPTH_LIMIT) throw new CountersignError('too-many', `JSON nested deeper than ${DEPTH_LIMIT} levels`);
  if (tree === null || typeof tree === 'boolean') out.text(String(tree));
  else if (typeof tree === 'string') out.quoted(tree);
  else if (typeof tree === 'number' || typeof tree === 'bigint') out.text(integer(tree));
  else if (isView(tree)) writeView(out, tree);
  else if (tree instanceof Map) writeMembers(out, [...(tree as ReadonlyMap<string, JsonTree>)], depth);
  else if (Array.isArray(tree)) {
    out.list('[', tree as readonly JsonTree[], ']', (item) => writeTree(out, item, depth + 1));
  } else writeMembers(out, Object.entries(tree as Readonly<Record<string, JsonTree>>), depth);
}

function writeMembers(out: JsonWriter, members: [string, JsonTree][], depth: number): void {
  if (!members.every(([name], i) => i === 0 || compareCodePoints(members[i - 1]?.[0] ?? '', name) < 0)) {
    members.sort(([a], [b]) => compareCodePoints(a, b));
  }
  out.list('{', members, '}', ([name, value]) => {
    out.quoted(name);
    out.text(':');
    writeTree(out, value, depth + 1);
  });
}

function integer(value: number | bigint): string {
  if (typeof value === 'bigint') return value.toString();
  if (!Number.isSafeInteger(value)) {
    throw new CountersignError('malformed', `${value} is not an exact whole number: it has no canonical form`);
  }
  return String(value + 0);
}

function isView(tree: object): tree is JsonView {
  return (
    tree instanceof JsonObject ||
    tree instanceof JsonArray ||
    tree instanceof JsonString ||
    tree instanceof JsonNumber ||
    tree instanceof JsonBoolean ||
    tree instanceof JsonNull
  );
}
