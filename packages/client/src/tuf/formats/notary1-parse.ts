import type { Envelope } from '../envelope.js';
import type { Root, Snapshot, Targets, Timestamp } from '../model.js';
import type { ParseLimits } from './format.js';
import { booleanAt, objectAt } from './fields.js';
import { ifAny, members, refuseUnsafeIntegers, structAt, typeName } from './notary1-fields.js';
import { parseMeta, parseTimestampMeta, PLAIN, TARGET_ENTRY } from './notary1-files.js';
import { parseDelegations, parseKeys, parseRootRoles } from './notary1-roles.js';
import { parseSignatures } from './notary1-signatures.js';
import { readFile, type FileKind } from './read-file.js';
import { parseTargetTable } from './table.js';

type Limits = Partial<ParseLimits> | undefined;

const FILE = members('signatures', 'signed');
const SIGNED = members(
  '_type',
  'consistent_snapshot',
  'delegations',
  'expires',
  'keys',
  'meta',
  'roles',
  'targets',
  'version',
);

const KIND: FileKind = {
  typeName,
  parseSignatures,
  check: (file, signed) => {
    structAt(file, FILE, 'the file');
    structAt(signed, SIGNED, 'signed');
    refuseUnsafeIntegers(signed);
  },
  known: { targets: PLAIN.target },
};

export function parseRoot(raw: Uint8Array, limits?: Limits): Envelope<Root> {
  return readFile<Root>(KIND, raw, 'root', limits, (signed, common, full) => {
    const consistent = ifAny(signed.get('consistent_snapshot'));
    const keys = parseKeys(signed.get('keys'), 'keys', full);
    return {
      type: 'root',
      ...common,
      consistentSnapshot: consistent !== undefined && booleanAt(consistent, 'consistent_snapshot'),
      keys,
      roles: parseRootRoles(signed.get('roles'), keys, full),
    };
  });
}

export function parseTimestamp(raw: Uint8Array, limits?: Limits): Envelope<Timestamp> {
  return readFile<Timestamp>(KIND, raw, 'timestamp', limits, (signed, common) => ({
    type: 'timestamp',
    ...common,
    snapshot: parseTimestampMeta(signed.get('meta')),
  }));
}

export function parseSnapshot(raw: Uint8Array, limits?: Limits): Envelope<Snapshot> {
  return readFile<Snapshot>(KIND, raw, 'snapshot', limits, (signed, common) => ({
    type: 'snapshot',
    ...common,
    meta: parseMeta(signed.get('meta')),
  }));
}

export function parseTargets(raw: Uint8Array, limits?: Limits): Envelope<Targets> {
  return readFile<Targets>(KIND, raw, 'targets', limits, (signed, common, full) => ({
    type: 'targets',
    ...common,
    targets: parseTargetTable(objectAt(signed.get('targets'), 'targets'), TARGET_ENTRY),
    delegations: parseDelegations(signed.get('delegations'), full),
  }));
}
