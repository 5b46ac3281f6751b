import { CountersignError } from '../errors.js';
import { scan } from '../json.js';
import { ROOT, type Version } from '../names.js';
import { DEFAULT_PARSE_LIMITS, type Format, type FormatName } from './format.js';
import { notary1 } from './notary1.js';
import { typeName } from './notary1-fields.js';
import { tuf1 } from './tuf1.js';

/** The formats this build speaks, by name. */
export const formats: ReadonlyMap<FormatName, Format> = new Map([tuf1, notary1].map((format) => [format.name, format]));

/** @throws CountersignError `unsupported` for a format this build does not speak */
export function formatNamed(name: string): Format {
  for (const format of formats.values()) if (format.name === name) return format;
  throw new CountersignError('unsupported', `the format ${JSON.stringify(name.slice(0, 40))} is not one of ${known()}`);
}

/** How a format spells the types of its documents. */
const TYPES = {
  root: new Set(['root']),
  any: new Set(['root', 'timestamp', 'snapshot', 'targets']),
} as const;

/** The format of a document, told by how it spells its type; undefined where that says nothing. */
function formatOf(raw: Uint8Array, types: ReadonlySet<string>): Format | undefined {
  const file = scan(raw, DEFAULT_PARSE_LIMITS);
  const signed = file.kind === 'object' ? file.get('signed') : undefined;
  const type = signed?.kind === 'object' ? signed.get('_type') : undefined;
  if (signed?.kind !== 'object' || type?.kind !== 'string') return undefined;
  if (types.has(type.value)) return tuf1;
  const isNotary = [...types].some((name) => typeName(name) === type.value);
  return isNotary && !signed.has('spec_version') ? notary1 : undefined;
}

/** Whose document `raw` seems to be, whatever its role; undefined where it does not say. Never throws. */
export function guessFormat(raw: Uint8Array): FormatName | undefined {
  try {
    return raw.length > DEFAULT_PARSE_LIMITS.bytes ? undefined : formatOf(raw, TYPES.any)?.name;
  } catch {
    return undefined;
  }
}

/**
 * The format of a collection's first root, told by how it spells its type.
 * @throws CountersignError `unsupported` for any other document, `malformed` or `too-many` for what is no JSON
 */
export function detectFormat(rawRoot: Uint8Array): Format {
  const { bytes } = DEFAULT_PARSE_LIMITS;
  if (rawRoot.length > bytes) throw new CountersignError('endless-data', `a root has more than ${bytes} bytes`);
  const format = formatOf(rawRoot, TYPES.root);
  if (format !== undefined) return format;
  throw new CountersignError('unsupported', `the first root is of no format this build speaks (${known()})`, {
    next: 'Publish a root with "_type": "root" and a spec_version, or one that Notary made.',
  });
}

/** A root's file name, the same in every format: the first root is asked for before its format is known. */
export function rootFileName(version?: Version): string {
  return tuf1.fileName(ROOT, version === undefined ? {} : { version });
}

function known(): string {
  return [...formats.keys()].join(', ');
}
