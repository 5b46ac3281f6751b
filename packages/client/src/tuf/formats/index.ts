import { CountersignError } from '../errors.js';
import { scan } from '../json.js';
import { DEFAULT_PARSE_LIMITS, type Format, type FormatName } from './format.js';
import { tuf1 } from './tuf1.js';

/** The formats this build speaks, by name. */
export const formats: ReadonlyMap<FormatName, Format> = new Map([[tuf1.name, tuf1]]);

/** @throws CountersignError `unsupported` for a format this build does not speak */
export function formatNamed(name: string): Format {
  for (const format of formats.values()) if (format.name === name) return format;
  throw new CountersignError('unsupported', `the format ${JSON.stringify(name.slice(0, 40))} is not one of ${known()}`);
}

/**
 * The format of a collection's first root, told by how it spells its type.
 * @throws CountersignError `unsupported` for any other document, `malformed` or `too-many` for what is no JSON
 */
export function detectFormat(rawRoot: Uint8Array): Format {
  const { bytes } = DEFAULT_PARSE_LIMITS;
  if (rawRoot.length > bytes) throw new CountersignError('endless-data', `a root has more than ${bytes} bytes`);
  const file = scan(rawRoot, DEFAULT_PARSE_LIMITS);
  const signed = file.kind === 'object' ? file.get('signed') : undefined;
  const type = signed?.kind === 'object' ? signed.get('_type') : undefined;
  if (type?.kind === 'string' && type.value === 'root') return formatNamed('tuf-1');
  throw new CountersignError('unsupported', `the first root is of no format this build speaks (${known()})`, {
    next: 'Publish a root with "_type": "root" and a spec_version.',
  });
}

function known(): string {
  return [...formats.keys()].join(', ');
}
