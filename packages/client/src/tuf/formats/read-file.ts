import { envelope, type Envelope } from '../envelope.js';
import { CountersignError } from '../errors.js';
import { canonicalise, scan, type JsonObject, type JsonView, type KnownForm } from '../json.js';
import type { Document, Signature } from '../model.js';
import { parseInstant, parseVersion, type TopLevelRole } from '../names.js';
import { DEFAULT_PARSE_LIMITS, type ParseLimits } from './format.js';
import { integerAt, malformed, objectAt, readFrom, textAt } from './fields.js';

/** What sets one format's files apart from another's, whatever their type. */
export interface FileKind {
  /** The spelling of a type in `_type`. */
  readonly typeName: (type: string) => string;
  readonly parseSignatures: (view: JsonView | undefined, limit: number) => readonly Signature[];
  /** Refuses what no file of this format may have, before anything else is read. */
  readonly check: (file: JsonObject, signed: JsonObject) => void;
  /** The form in which nearly all entries of a type's table are. */
  readonly known: Readonly<Partial<Record<TopLevelRole, KnownForm>>>;
}

/** Reads what a type's own members say. */
type ReadSigned<T> = (signed: JsonObject, common: Document, limits: ParseLimits) => T;

/**
 * Reads the envelope, then what every `signed` part has, then by `read` what this type has.
 * @throws CountersignError `endless-data`, `malformed`, `too-many`
 */
export function readFile<T extends Document & { readonly type: TopLevelRole }>(
  kind: FileKind,
  raw: Uint8Array,
  type: T['type'],
  partial: Partial<ParseLimits> | undefined,
  read: ReadSigned<T>,
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
  const file = objectAt(scan(raw, limits, kind.known[type]), type);
  const signatures = kind.parseSignatures(file.get('signatures'), limits.signatures);
  const signed = objectAt(file.get('signed'), 'signed');
  const found = textAt(signed.get('_type'), '_type');
  const wanted = kind.typeName(type);
  if (found !== wanted) malformed(`_type ${JSON.stringify(found.slice(0, 40))}`, `is not "${wanted}"`);
  kind.check(file, signed);
  const common: Document = {
    version: parseVersion(integerAt(signed.get('version'), 1, 'version')),
    expires: parseInstant(textAt(signed.get('expires'), 'expires')),
  };
  const document = readFrom(signed, read(signed, common, limits));
  return envelope({ signed: document, signedBytes: canonicalise(signed), signatures, raw });
}
