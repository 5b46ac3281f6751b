import { CountersignError } from '../errors.js';
import type { JsonArray, JsonObject, JsonTree, JsonView } from '../json.js';

/*
 * Reading one member of a received document: each reader takes the view and how a person would call the place.
 */

export function malformed(where: string, why: string): never {
  throw new CountersignError('malformed', `${where} ${why}`);
}

export function tooMany(where: string, limit: number): never {
  throw new CountersignError('too-many', `${where} has more than ${limit} entries`, { detail: { limit } });
}

export function objectAt(view: JsonView | undefined, where: string): JsonObject {
  return view?.kind === 'object' ? view : malformed(where, 'is not an object');
}

export function arrayAt(view: JsonView | undefined, where: string): JsonArray {
  return view?.kind === 'array' ? view : malformed(where, 'is not a list');
}

export function textAt(view: JsonView | undefined, where: string): string {
  return view?.kind === 'string' ? view.value : malformed(where, 'is not a string');
}

export function booleanAt(view: JsonView | undefined, where: string): boolean {
  return view?.kind === 'boolean' ? view.value : malformed(where, 'is not true or false');
}

/** A whole number of at least `least` that JavaScript holds exactly. */
export function integerAt(view: JsonView | undefined, least: number, where: string): number {
  const value = view?.kind === 'number' ? view.toSafeInteger() : undefined;
  return value !== undefined && value >= least ? value : malformed(where, `is not a whole number from ${least} up`);
}

export function textsAt(view: JsonView | undefined, where: string): readonly string[] {
  return Object.freeze(
    arrayAt(view, where)
      .items()
      .map((item) => textAt(item, `an entry of ${where}`)),
  );
}

/** `items`, refused if two of them are equal. */
export function distinct<T>(items: readonly T[], where: string): readonly T[] {
  return new Set(items).size === items.length ? items : malformed(where, 'names something twice');
}

const sources = new WeakMap<object, JsonObject>();

/** Freezes a parsed value and keeps the JSON it was read from, so that rendering can carry over what the model does not show. */
export function readFrom<T extends object>(source: JsonObject, value: T): T {
  sources.set(value, source);
  return Object.freeze(value);
}

/** The JSON a value was read from; undefined for one a program has made. */
export function sourceOf(value: object | undefined): JsonObject | undefined {
  return value === undefined ? undefined : sources.get(value);
}

/** An object as received, with the members this format knows replaced (undefined: removed) and all others kept (C3). */
export function carriedOver(
  source: JsonView | undefined,
  known: Readonly<Record<string, JsonTree | undefined>>,
): ReadonlyMap<string, JsonTree> {
  const members = new Map<string, JsonTree>(source?.kind === 'object' ? source.entries() : []);
  for (const [name, value] of Object.entries(known)) {
    if (value === undefined) members.delete(name);
    else members.set(name, value);
  }
  return members;
}
