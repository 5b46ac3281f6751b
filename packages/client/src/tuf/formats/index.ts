import { CountersignError } from '../errors.js';
import { scan } from '../json.js';
import { ROOT, type Version } from '../names.js';
import { DEFAULT_PARSE_LIMITS, type Format, type FormatName } from './format.js';
import { notary1 } from './notary1.js';
import { tuf1 } from './tuf1.js';

/** The formats this build speaks, by name. */
export const formats: ReadonlyMap<FormatName, Format> = new Map([tuf1, notary1].map((format) => [format.name, format]));

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
  const isVersioned = signed?.kind === 'object' && signed.has('spec_version');
  if (type?.kind === 'string' && type.value === 'root') return tuf1;
  if (type?.kind === 'string' && type.value === 'Root' && !isVersioned) return notary1;
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
