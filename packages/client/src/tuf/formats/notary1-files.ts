import { base64Decode } from '../encoding.js';
import { toData, type JsonObject, type JsonView } from '../json.js';
import type { Hashes, LookUp, MetaFile, TargetFile } from '../model.js';
import { parseRoleName, ROOT, SNAPSHOT, TARGETS, type RoleName } from '../names.js';
import { isKnownHash } from '../promise.js';
import { checkDigests, parseDigests, type DigestForm } from './digests.js';
import { base64Size } from '../digits.js';
import { integerAt, malformed, objectAt, readFrom } from './fields.js';
import { members, structAt } from './notary1-fields.js';
import { PlainEntry } from './plain-entry.js';
import { Table, type TableKind, type TargetEntry } from './table.js';

const META_ENTRY = members('custom', 'hashes', 'length');
const BASE64: DigestForm = { name: 'base64', decode: base64Decode, fits: (view) => (view.base64Size() ?? 0) > 0 };
const DIGEST_BYTES = { sha256: 32, sha512: 64 } as const;

const META: TableKind<RoleName, MetaFile> = { nameOf: parseRoleName, memberOf: (role) => role, read: parseMetaFile };

/** `meta` of a snapshot, by role name; every entry is read once here, so that a bad one refuses the file. */
export function parseMeta(view: JsonView | undefined): LookUp<RoleName, MetaFile> {
  const object = objectAt(view, 'meta');
  for (const role of [ROOT, TARGETS]) if (!object.has(role)) malformed('meta', `of a snapshot must list ${role}`);
  for (const [name, entry] of object.entries()) {
    META.nameOf(name);
    parseMetaFile(entry);
  }
  return Object.freeze(new Table(object, META));
}

/** `meta` of a timestamp: the snapshot's entry; others mean nothing to a client. */
export function parseTimestampMeta(view: JsonView | undefined): MetaFile {
  const entry = objectAt(view, 'meta').get(SNAPSHOT);
  return entry === undefined ? malformed('meta', 'of a timestamp must list snapshot') : parseMetaFile(entry);
}

/** Length and hashes, of which SHA-256 is one: files are asked for by it (Notary v1, snapshot). */
function parseMetaFile(view: JsonView): MetaFile {
  const object = structAt(view, META_ENTRY, 'a meta entry');
  const hashes = parseHashes(object.get('hashes'), 'a meta entry');
  if (!hashes.has('sha256')) malformed('hashes of a meta entry', 'must have a sha256');
  const length = integerAt(object.get('length'), 0, 'the length of a meta entry');
  return readFrom(object, { by: 'hashes', length, hashes });
}

/** The digests clients check. What is listed of other algorithms they pass over, so that it must not stand alone. */
function parseHashes(view: JsonView | undefined, where: string): Hashes {
  const hashes = new Map<string, Uint8Array>();
  for (const [algorithm, value] of parseDigests(view, BASE64, where)) {
    if (!isKnownHash(algorithm)) continue;
    if (value.length !== DIGEST_BYTES[algorithm])
      return malformed(`the ${algorithm} of ${where}`, 'has a wrong length');
    hashes.set(algorithm, value);
  }
  return hashes.size > 0 ? hashes : malformed(`hashes of ${where}`, 'has neither sha256 nor sha512');
}

export const PLAIN = new PlainEntry({
  lengths: { sha256: 44, sha512: 88 },
  fits: (bytes, at, length) => base64Size(bytes.subarray(at, at + length)) === (length === 44 ? 32 : 64),
});

/** One entry of `targets`. */
export const TARGET_ENTRY: TargetEntry = { plain: PLAIN, check: checkTargetFile, read: parseTargetFile };

function checkTargetFile(view: JsonView): void {
  const object = structAt(view, META_ENTRY, 'a target');
  integerAt(object.get('length'), 0, 'the length of a target');
  checkDigests(object.get('hashes'), BASE64, 'a target');
  checkKnown(objectAt(object.get('hashes'), 'hashes of a target'));
}

/** What `parseHashes` checks of known algorithms, without building any digest. */
function checkKnown(hashes: JsonObject): void {
  let known = 0;
  for (const [algorithm, bytes] of Object.entries(DIGEST_BYTES)) {
    const value = hashes.get(algorithm);
    if (value === undefined) continue;
    known += 1;
    if (value.kind !== 'string' || value.base64Size() !== bytes)
      malformed(`the ${algorithm} of a target`, 'has a wrong length');
  }
  if (known === 0) malformed('hashes of a target', 'has neither sha256 nor sha512');
}

function parseTargetFile(view: JsonView): TargetFile {
  const object = structAt(view, META_ENTRY, 'a target');
  const custom = object.get('custom');
  return readFrom(object, {
    length: integerAt(object.get('length'), 0, 'the length of a target'),
    hashes: parseHashes(object.get('hashes'), 'a target'),
    ...(custom === undefined ? {} : { custom: toData(custom) }),
  });
}
