import type { JsonObject, JsonView } from '../json.js';
import { valueOf } from '../json-walk.js';
import type { LookUp, TargetFile } from '../model.js';
import { parseTargetPath, type TargetPath } from '../names.js';
import type { PlainEntry } from './plain-entry.js';

/** How a table's names and entries are read. */
export interface TableKind<K extends string, V> {
  readonly nameOf: (name: string) => K;
  readonly memberOf: (key: K) => string;
  readonly read: (view: JsonView) => V;
}

/** A look-up over the members of a received object: entries are read when asked for, names are never property names. */
export class Table<K extends string, V> implements LookUp<K, V> {
  readonly #object: JsonObject;
  readonly #kind: TableKind<K, V>;

  constructor(object: JsonObject, kind: TableKind<K, V>) {
    this.#object = object;
    this.#kind = kind;
  }

  get size(): number {
    return this.#object.size;
  }

  has(key: K): boolean {
    return this.#object.has(this.#kind.memberOf(key));
  }

  get(key: K): V | undefined {
    const view = this.#object.get(this.#kind.memberOf(key));
    return view === undefined ? undefined : this.#kind.read(view);
  }

  *keys(): IterableIterator<K> {
    for (const name of this.#object.keys()) yield this.#kind.nameOf(name);
  }

  *[Symbol.iterator](): IterableIterator<[K, V]> {
    for (const [name, view] of this.#object.entries()) yield [this.#kind.nameOf(name), this.#kind.read(view)];
  }
}

/** How one entry of `targets` is read; `check` refuses what `read` would, and builds nothing. */
export interface TargetEntry {
  /** Entries that are in order and need no `check`. */
  readonly plain: PlainEntry;
  readonly check: (view: JsonView) => void;
  readonly read: (view: JsonView) => TargetFile;
}

/** `targets` of a targets role; the shape of every entry is checked here, without building any of them. */
export function parseTargetTable(object: JsonObject, entry: TargetEntry): LookUp<TargetPath, TargetFile> {
  const { bytes } = object.text;
  if (object.has('')) parseTargetPath('');
  object.forEachNotIn(entry.plain.target, (name) => {
    if (!entry.plain.isTargetWithCustom(bytes, valueOf(bytes, name))) entry.check(object.valueAt(name));
  });
  return Object.freeze(new Table(object, { nameOf: parseTargetPath, memberOf: (path) => path, read: entry.read }));
}
