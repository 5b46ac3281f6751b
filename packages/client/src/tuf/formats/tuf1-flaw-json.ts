import { compareCodePoints } from '../encoding.js';
import type { JsonObject, JsonView } from '../json.js';
import { skipString } from '../json-walk.js';

/*
 * Well-formed JSON that stock clients do not read alike. tuf-js reads with JSON.parse and writes what it verifies anew: it
 * rounds large integers, and orders members by UTF-16 unit where everybody else goes by code point.
 */

/** Digits a whole number may have and be safe whatever they are. */
const SAFE_DIGITS = 15;

/** An integer that JavaScript does not hold exactly, anywhere in `canonical`. */
export function numberFlaw(canonical: Uint8Array): string | undefined {
  for (let i = 0; i < canonical.length; i += 1) {
    const c = canonical[i] ?? 0;
    if (c === 0x22) i = skipString(canonical, i) - 1;
    if (!isDigit(c)) continue;
    const start = i;
    while (isDigit(canonical[i + 1])) i += 1;
    if (i + 1 - start <= SAFE_DIGITS) continue;
    const digits = new TextDecoder().decode(canonical.subarray(start, i + 1));
    if (!Number.isSafeInteger(Number(digits)))
      return `the number ${digits.slice(0, 40)} is larger than ${Number.MAX_SAFE_INTEGER}`;
  }
  return undefined;
}

function isDigit(c: number | undefined): boolean {
  return c !== undefined && c >= 0x30 && c <= 0x39;
}

/** An object anywhere in `view` whose members have one order by code point and another by UTF-16 unit. */
export function orderFlaw(view: JsonObject, canonical: Uint8Array): string | undefined {
  return mayDiffer(canonical) ? orderIn(view) : undefined;
}

/** The orders differ only where a character above U+FFFF stands against one from U+E000 up; nearly no file has both. */
function mayDiffer(utf8: Uint8Array): boolean {
  let [astral, high] = [false, false];
  for (const byte of utf8) {
    astral ||= byte >= 0xf0;
    high ||= byte === 0xee || byte === 0xef;
  }
  return astral && high;
}

function orderIn(view: JsonView): string | undefined {
  if (view.kind !== 'object' && view.kind !== 'array') return undefined;
  if (view.kind === 'object') {
    const found = misordered(view);
    if (found !== undefined) return found;
  }
  for (const value of view.kind === 'array' ? view.items() : valuesOf(view)) {
    const found = orderIn(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

function* valuesOf(view: JsonObject): Generator<JsonView> {
  for (const { value } of view.members()) yield value;
}

function misordered(view: JsonObject): string | undefined {
  const names = [...view.keys()].filter((name) => /[\ud800-\uffff]/.test(name)).sort(compareCodePoints);
  const at = names.findIndex((name, index) => index > 0 && name < (names[index - 1] ?? ''));
  if (at === -1) return undefined;
  const [before, after] = names.slice(at - 1, at + 1).map((name) => JSON.stringify(name.slice(0, 100)));
  return `clients do not agree which of the members ${before} and ${after} comes first`;
}
