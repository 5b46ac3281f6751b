import { hexDecode } from '../encoding.js';
import { toData, type JsonObject, type JsonView } from '../json.js';
import { parseRoleName, parseTargetPath, parseVersion, type RoleName, type TargetPath } from '../names.js';
import type { Hashes, LookUp, MetaFile, TargetFile } from '../model.js';
import { integerAt, malformed, objectAt, readFrom, textAt } from './tuf1-fields.js';

const SUFFIX = '.json';

/** How a table's names and entries are read. */
interface TableKind<K extends string, V> {
  readonly nameOf: (name: string) => K;
  readonly memberOf: (key: K) => string;
  readonly read: (view: JsonView) => V;
}

/** A look-up over the members of a received object: entries are read when asked for, names are never property names. */
class Table<K extends string, V> implements LookUp<K, V> {
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

const META: TableKind<RoleName, MetaFile> = {
  nameOf: (name) => parseRoleName(name.slice(0, -SUFFIX.length)),
  memberOf: (role) => role + SUFFIX,
  read: parseMetaFile,
};

const TARGET_FILES: TableKind<TargetPath, TargetFile> = {
  nameOf: parseTargetPath,
  memberOf: (path) => path,
  read: parseTargetFile,
};

/** `meta` of a snapshot; every entry is read once here, so that a bad one refuses the file. */
export function parseMeta(view: JsonView | undefined): LookUp<RoleName, MetaFile> {
  const object = objectAt(view, 'meta');
  for (const [name, entry] of object.entries()) {
    if (!name.endsWith(SUFFIX)) malformed(`meta entry ${JSON.stringify(name.slice(0, 100))}`, 'does not end in .json');
    META.nameOf(name);
    parseMetaFile(entry);
  }
  return Object.freeze(new Table(object, META));
}

/** `meta` of a timestamp: `snapshot.json` and nothing else (W3.7). */
export function parseTimestampMeta(view: JsonView | undefined): MetaFile {
  const object = objectAt(view, 'meta');
  const entry = object.get('snapshot.json');
  if (entry === undefined || object.size !== 1)
    return malformed('meta', 'of a timestamp must list snapshot.json alone');
  return parseMetaFile(entry);
}

/** A version, with length and hashes where they are listed. */
function parseMetaFile(view: JsonView): MetaFile {
  const object = objectAt(view, 'a meta entry');
  const version = parseVersion(integerAt(object.get('version'), 1, 'the version of a meta entry'));
  const [length, hashes] = [object.get('length'), object.get('hashes')];
  return readFrom(object, {
    by: 'version',
    version,
    ...(length === undefined ? {} : { length: integerAt(length, 0, 'the length of a meta entry') }),
    hashes: hashes === undefined ? new Map() : parseHashes(hashes, 'a meta entry'),
  });
}

/** At least one digest by algorithm name. An unknown algorithm is kept: it can only mismatch (W4.3). */
function parseHashes(view: JsonView | undefined, where: string): Hashes {
  const object = objectAt(view, `hashes of ${where}`);
  const hashes = new Map<string, Uint8Array>();
  for (const [algorithm, value] of object.entries()) {
    const bytes = hexDecode(textAt(value, `a hash of ${where}`));
    if (bytes === undefined || bytes.length === 0) return malformed(`a hash of ${where}`, 'is not hexadecimal');
    hashes.set(algorithm, bytes);
  }
  if (hashes.size === 0) return malformed(`hashes of ${where}`, 'is empty');
  return hashes;
}

/** `targets` of a targets role; the shape of every entry is checked here, without building any of them. */
export function parseTargetFiles(view: JsonView | undefined): LookUp<TargetPath, TargetFile> {
  const object = objectAt(view, 'targets');
  for (const { at, value } of object.members()) {
    if (object.text.bytes[at + 1] === 0x22) parseTargetPath('');
    checkTargetFile(value);
  }
  return Object.freeze(new Table(object, TARGET_FILES));
}

function checkTargetFile(view: JsonView): void {
  const object = objectAt(view, 'a target');
  integerAt(object.get('length'), 0, 'the length of a target');
  let listed = 0;
  for (const { value } of objectAt(object.get('hashes'), 'hashes of a target').members()) {
    listed += 1;
    if (value.kind !== 'string' || !value.isHex()) malformed('a hash of a target', 'is not hexadecimal');
  }
  if (listed === 0) malformed('hashes of a target', 'is empty');
}

function parseTargetFile(view: JsonView): TargetFile {
  const object = objectAt(view, 'a target');
  const custom = object.get('custom');
  return readFrom(object, {
    length: integerAt(object.get('length'), 0, 'the length of a target'),
    hashes: parseHashes(object.get('hashes'), 'a target'),
    ...(custom === undefined ? {} : { custom: toData(custom) }),
  });
}
