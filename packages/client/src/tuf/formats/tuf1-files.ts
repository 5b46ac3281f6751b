import { areHexDigits } from '../digits.js';
import { hexDecode } from '../encoding.js';
import { toData, type JsonView } from '../json.js';
import { decodeString } from '../json-walk.js';
import { parseRoleName, parseVersion, type RoleName } from '../names.js';
import type { LookUp, MetaFile, TargetFile } from '../model.js';
import { checkDigests, parseDigests, type DigestForm } from './digests.js';
import { integerAt, malformed, objectAt, readFrom } from './fields.js';
import { ascii, isPlainName, PlainEntry } from './plain-entry.js';
import { Table, type TableKind, type TargetEntry } from './table.js';

const SUFFIX = '.json';
const SUFFIX_BYTES = ascii(SUFFIX);

const HEX: DigestForm = { name: 'hexadecimal', decode: hexDecode, fits: (view) => view.isHex() };

export const PLAIN = new PlainEntry({ lengths: { sha256: 64, sha512: 128 }, fits: areHexDigits });

const META: TableKind<RoleName, MetaFile> = {
  nameOf: (name) => parseRoleName(name.slice(0, -SUFFIX.length)),
  memberOf: (role) => role + SUFFIX,
  read: parseMetaFile,
};

/** `meta` of a snapshot; the shape of every entry is checked here, so that a bad one refuses the file. */
export function parseMeta(view: JsonView | undefined): LookUp<RoleName, MetaFile> {
  const object = objectAt(view, 'meta');
  const { text } = object;
  object.forEachName((name) => {
    if (!isPlainName(text.bytes, name, SUFFIX_BYTES)) checkMetaName(decodeString(text.bytes, name));
  });
  object.forEachNotIn(PLAIN.versioned, (name) => parseMetaFile(object.valueAt(name)));
  return Object.freeze(new Table(object, META));
}

function checkMetaName(name: string): void {
  if (!name.endsWith(SUFFIX)) malformed(`meta entry ${JSON.stringify(name.slice(0, 100))}`, 'does not end in .json');
  META.nameOf(name);
}

/** `meta` of a timestamp: `snapshot.json` and nothing else (W3.7). */
export function parseTimestampMeta(view: JsonView | undefined): MetaFile {
  const object = objectAt(view, 'meta');
  const entry = object.get('snapshot.json');
  if (entry === undefined || object.size !== 1)
    return malformed('meta', 'of a timestamp must list snapshot.json alone');
  return parseMetaFile(entry);
}

/** A version, with length and hashes where they are listed. An unknown algorithm is kept: it can only mismatch (W4.3). */
function parseMetaFile(view: JsonView): MetaFile {
  const object = objectAt(view, 'a meta entry');
  const version = parseVersion(integerAt(object.get('version'), 1, 'the version of a meta entry'));
  const [length, hashes] = [object.get('length'), object.get('hashes')];
  return readFrom(object, {
    by: 'version',
    version,
    ...(length === undefined ? {} : { length: integerAt(length, 0, 'the length of a meta entry') }),
    hashes: hashes === undefined ? new Map() : parseDigests(hashes, HEX, 'a meta entry'),
  });
}

/** One entry of `targets`. */
export const TARGET_ENTRY: TargetEntry = { plain: PLAIN, check: checkTargetFile, read: parseTargetFile };

function checkTargetFile(view: JsonView): void {
  const object = objectAt(view, 'a target');
  integerAt(object.get('length'), 0, 'the length of a target');
  checkDigests(object.get('hashes'), HEX, 'a target');
}

function parseTargetFile(view: JsonView): TargetFile {
  const object = objectAt(view, 'a target');
  const custom = object.get('custom');
  return readFrom(object, {
    length: integerAt(object.get('length'), 0, 'the length of a target'),
    hashes: parseDigests(object.get('hashes'), HEX, 'a target'),
    ...(custom === undefined ? {} : { custom: toData(custom) }),
  });
}
