export type Offsets = Int32Array | readonly number[];

/** Where the members of an object are. An offset each, no more: a table may have a million of them. */
export interface MemberIndex {
  /** The opening quote of each member's name, in the order of the text. */
  readonly names: Offsets;
  /** Whether the names strictly ascend by code point. */
  readonly ascending: boolean;
  /** Those of `names` whose values are not in the form known of the text; undefined where none is. */
  readonly others: Offsets | undefined;
  /** The offset behind the object. */
  readonly end: number;
}

/**
 * A form that many values of a text are spelt in, so plain that one is told from its bytes at once: canonical JSON whose objects
 * and arrays are nested no deeper than `levels`.
 */
export interface KnownForm {
  readonly levels: number;
  /** Where the value at `at` ends if it is in this form, else -1. Nothing behind `at` has been validated. */
  readonly endOf: (bytes: Uint8Array, at: number) => number;
}

/** A validated JSON text. Everything that reads it afterwards may rely on its being well-formed. */
export interface JsonText {
  readonly bytes: Uint8Array;
  /** The form it was scanned for. */
  readonly known: KnownForm | undefined;
  /** The members of each object of more than `WALKED` bytes, by the offset of its bracket. */
  readonly indexes: ReadonlyMap<number, MemberIndex>;
  /** Where the text departs from canonical form, ascending; at most `SPOTS` of them, so that white space costs no memory. */
  readonly spots: readonly number[];
  /** Whether it departs by nothing but white space. */
  readonly onlySpace: boolean;
}

/** Objects up to this many bytes are searched by walking them; for larger ones the scanner notes where the members are. */
export const WALKED = 1024;

/** Beyond this many departures the rest of a text counts as not canonical: it is rebuilt, which is always right. */
export const SPOTS = 4096;

/** Whether the value at [start, end) of the text is in OLPC canonical form already. */
export function isCanonicalAt(text: JsonText, start: number, end: number): boolean {
  const { spots } = text;
  let low = 0;
  let high = spots.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((spots[middle] ?? 0) < start) low = middle + 1;
    else high = middle;
  }
  const next = spots[low];
  if (next !== undefined) return next >= end;
  return spots.length < SPOTS;
}
