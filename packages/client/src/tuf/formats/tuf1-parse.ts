import { CountersignError } from '../errors.js';
import { envelope, type Envelope } from '../envelope.js';
import { hexDecode } from '../encoding.js';
import { canonicalise, scan, type JsonObject, type JsonView } from '../json.js';
import { parseInstant, parseKeyId, parseVersion } from '../names.js';
import type { Document, Root, Signature, Snapshot, Targets, Timestamp } from '../model.js';
import { DEFAULT_PARSE_LIMITS, type ParseLimits } from './format.js';
import {
  arrayAt,
  booleanAt,
  distinct,
  integerAt,
  malformed,
  objectAt,
  readFrom,
  textAt,
  tooMany,
} from './tuf1-fields.js';
import { parseMeta, parseTargetFiles, parseTimestampMeta } from './tuf1-files.js';
import { parseKeys } from './tuf1-keys.js';
import { parseDelegations, parseRootRoles } from './tuf1-roles.js';

type Limits = Partial<ParseLimits> | undefined;

export function parseRoot(raw: Uint8Array, limits?: Limits): Envelope<Root> {
  return parseFile(raw, 'root', limits, (signed, common, full) => {
    const consistent = signed.get('consistent_snapshot');
    return {
      type: 'root',
      ...common,
      // Optional in the specification, and absent means false (W2.9).
      consistentSnapshot: consistent !== undefined && booleanAt(consistent, 'consistent_snapshot'),
      keys: parseKeys(signed.get('keys'), 'keys', full.keys),
      roles: parseRootRoles(signed.get('roles'), full),
    };
  });
}

export function parseTimestamp(raw: Uint8Array, limits?: Limits): Envelope<Timestamp> {
  return parseFile(raw, 'timestamp', limits, (signed, common) => ({
    type: 'timestamp',
    ...common,
    snapshot: parseTimestampMeta(signed.get('meta')),
  }));
}

export function parseSnapshot(raw: Uint8Array, limits?: Limits): Envelope<Snapshot> {
  return parseFile(raw, 'snapshot', limits, (signed, common) => ({
    type: 'snapshot',
    ...common,
    meta: parseMeta(signed.get('meta')),
  }));
}

export function parseTargets(raw: Uint8Array, limits?: Limits): Envelope<Targets> {
  return parseFile(raw, 'targets', limits, (signed, common, full) => {
    const delegations = signed.get('delegations');
    return {
      type: 'targets',
      ...common,
      targets: parseTargetFiles(signed.get('targets')),
      delegations: delegations === undefined ? undefined : parseDelegations(delegations, full),
    };
  });
}

/** Reads the envelope, then what every `signed` part has, then by `read` what this type has. */
function parseFile<T extends Document & { readonly type: string }>(
  raw: Uint8Array,
  type: T['type'],
  partial: Limits,
  read: (signed: JsonObject, common: Document, limits: ParseLimits) => T,
): Envelope<T> {
  const limits = { ...DEFAULT_PARSE_LIMITS, ...partial };
  if (raw.length > limits.bytes) {
    throw new CountersignError(
      'endless-data',
      `${type} has ${raw.length} bytes, more than the limit of ${limits.bytes}`,
      {
        detail: { role: type, limit: limits.bytes },
      },
    );
  }
  const file = objectAt(scan(raw, limits), type);
  const signatures = parseSignatures(file.get('signatures'), limits.signatures);
  const signed = objectAt(file.get('signed'), 'signed');
  const found = textAt(signed.get('_type'), '_type');
  if (found !== type) malformed(`_type ${JSON.stringify(found.slice(0, 40))}`, `is not "${type}"`);
  checkSpecVersion(textAt(signed.get('spec_version'), 'spec_version'));
  const common: Document = {
    version: parseVersion(integerAt(signed.get('version'), 1, 'version')),
    expires: parseInstant(textAt(signed.get('expires'), 'expires')),
  };
  const document = readFrom(signed, read(signed, common, limits));
  return envelope({ signed: document, signedBytes: canonicalise(signed), signatures, raw });
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
