import { base64Decode, utf8Decode } from '../encoding.js';
import type { JsonObject, JsonView } from '../json.js';
import { decodeString, isKey, skipString } from '../json-walk.js';
import { malformed, objectAt, textAt } from './fields.js';

/** `Root`, `Timestamp`, `Snapshot`, `Targets`: capitalised, and never otherwise (Notary v1, metadata). */
export function typeName(type: string): string {
  return type.charAt(0).toUpperCase() + type.slice(1);
}

/** The names of an object's members, as Go's struct tags have them. */
export interface Members {
  readonly names: readonly string[];
  readonly folded: ReadonlySet<string>;
}

export function members(...names: readonly string[]): Members {
  return { names, folded: new Set(names.map(fold)) };
}

/** Equal for names that Go takes for one another: letters in either case, and the two odd forms of k and s. */
function fold(name: string): string {
  return name.toLowerCase().toUpperCase();
}

/**
 * An object whose members Go reads by name. It takes `Version` for `version` too, so a document with both would say one
 * thing there and another here: any spelling but the exact one is refused.
 * @throws CountersignError `malformed`
 */
export function structAt(view: JsonView | undefined, known: Members, where: string): JsonObject {
  const object = objectAt(view, where);
  const { bytes } = object.text;
  for (const { at } of object.members()) {
    if (known.names.some((name) => isKey(bytes, at, name))) continue;
    const name = decodeString(bytes, at);
    if (known.folded.has(fold(name))) malformed(where, `spells ${JSON.stringify(name.slice(0, 40))} in another case`);
  }
  return object;
}

/** A member that Go writes as `null` where there is nothing, or leaves out. */
export function ifAny(view: JsonView | undefined): JsonView | undefined {
  return view?.kind === 'null' ? undefined : view;
}

/**
 * Go verifies over numbers it has read as 64-bit floats: beyond 2^53 it would check other digits than these.
 * @throws CountersignError `malformed` for an integer beyond that, wherever in `view` it is
 */
export function refuseUnsafeIntegers(view: JsonView): void {
  const { bytes } = view.text;
  for (let i = view.start; i < view.end; i += 1) {
    const c = bytes[i] ?? 0;
    if (c === 0x22) i = skipString(bytes, i) - 1;
    else if (c >= 0x30 && c <= 0x39) {
      const start = i;
      while (isDigit(bytes[i + 1])) i += 1;
      // Fifteen digits are always safe.
      if (i - start < 15) continue;
      const digits = utf8Decode(bytes.subarray(start, i + 1));
      if (!Number.isSafeInteger(Number(digits)))
        malformed(`the number ${digits.slice(0, 40)}`, 'is too large to be exact');
    }
  }
}

function isDigit(c: number | undefined): boolean {
  return c !== undefined && c >= 0x30 && c <= 0x39;
}

/** Bytes in base64. @throws CountersignError `malformed` */
export function bytesAt(view: JsonView | undefined, where: string): Uint8Array {
  return base64Decode(textAt(view, where)) ?? malformed(where, 'is not base64');
}
