import type { Envelope } from '../envelope.js';
import { hexDecode } from '../encoding.js';
import type { JsonView } from '../json.js';
import { parseKeyId } from '../names.js';
import type { Root, Signature, Snapshot, Targets, Timestamp } from '../model.js';
import type { ParseLimits } from './format.js';
import { arrayAt, booleanAt, distinct, malformed, objectAt, textAt, tooMany } from './fields.js';
import { parseKeyTable } from './key-material.js';
import { readFile, type FileKind } from './read-file.js';
import { parseTargetTable } from './table.js';
import { parseMeta, parseTimestampMeta, PLAIN, TARGET_ENTRY } from './tuf1-files.js';
import { parseKeyObject } from './tuf1-keys.js';
import { parseDelegations, parseRootRoles } from './tuf1-roles.js';

type Limits = Partial<ParseLimits> | undefined;

const FILE: FileKind = {
  typeName: (type) => type,
  parseSignatures,
  check: (_file, signed) => checkSpecVersion(textAt(signed.get('spec_version'), 'spec_version')),
  known: { snapshot: PLAIN.versioned, targets: PLAIN.target },
};

export function parseRoot(raw: Uint8Array, limits?: Limits): Envelope<Root> {
  return readFile<Root>(FILE, raw, 'root', limits, (signed, common, full) => {
    const consistent = signed.get('consistent_snapshot');
    return {
      type: 'root',
      ...common,
      // Optional in the specification, and absent means false (W2.9).
      consistentSnapshot: consistent !== undefined && booleanAt(consistent, 'consistent_snapshot'),
      keys: parseKeyTable(signed.get('keys'), 'keys', full.keys, parseKeyObject),
      roles: parseRootRoles(signed.get('roles'), full),
    };
  });
}

export function parseTimestamp(raw: Uint8Array, limits?: Limits): Envelope<Timestamp> {
  return readFile<Timestamp>(FILE, raw, 'timestamp', limits, (signed, common) => ({
    type: 'timestamp',
    ...common,
    snapshot: parseTimestampMeta(signed.get('meta')),
  }));
}

export function parseSnapshot(raw: Uint8Array, limits?: Limits): Envelope<Snapshot> {
  return readFile<Snapshot>(FILE, raw, 'snapshot', limits, (signed, common) => ({
    type: 'snapshot',
    ...common,
    meta: parseMeta(signed.get('meta')),
  }));
}

export function parseTargets(raw: Uint8Array, limits?: Limits): Envelope<Targets> {
  return readFile<Targets>(FILE, raw, 'targets', limits, (signed, common, full) => {
    const delegations = signed.get('delegations');
    return {
      type: 'targets',
      ...common,
      targets: parseTargetTable(objectAt(signed.get('targets'), 'targets'), TARGET_ENTRY),
      delegations: delegations === undefined ? undefined : parseDelegations(delegations, full),
    };
  });
}

/** `1.x` or `1.x.y`; another major version may mean anything (C5). */
function checkSpecVersion(text: string): void {
  if (/^1(?:\.\d{1,9}){1,2}$/u.test(text)) return;
  malformed(`spec_version ${JSON.stringify(text.slice(0, 40))}`, 'is not 1.x or 1.x.y');
}

/** A key id twice refuses the file, even if the threshold is met (K1). */
function parseSignatures(view: JsonView | undefined, limit: number): readonly Signature[] {
  const list = arrayAt(view, 'signatures').items();
  if (list.length > limit) tooMany('signatures', limit);
  const signatures = list.map((item): Signature => {
    const object = objectAt(item, 'a signature');
    const keyId = parseKeyId(textAt(object.get('keyid'), "a signature's keyid"));
    // Not hexadecimal throughout: there, but valid for nobody (K4, K5).
    const value = hexDecode(textAt(object.get('sig'), "a signature's sig")) ?? new Uint8Array(0);
    return Object.freeze({ keyId, value });
  });
  const keyIds = signatures.map(({ keyId }) => keyId);
  distinct(keyIds, 'signatures');
  return signatures;
}
