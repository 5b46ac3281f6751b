import { equalBytes, utf8Decode } from '../encoding.js';
import type { Envelope } from '../envelope.js';
import { canonicalise, toHtmlSafeJson, type JsonObject } from '../json.js';
import type { Root, Snapshot, Targets } from '../model.js';
import { sourceOf } from './fields.js';

/** What Go writes as escapes, and so signs as escapes where it is in a `custom` object. */
const ESCAPED = /[<>&\u2028\u2029]/u;

/**
 * Notary's own clients sign what they write, and write `custom` as they were given it: unless that is in canonical form
 * already, nobody can verify it (Notary v1, custom).
 */
export function doubt({ signed, signedBytes }: Envelope<Root | Targets | Snapshot>): string | undefined {
  const source = sourceOf(signed);
  if (source === undefined) return undefined;
  const written = source.text.bytes.subarray(source.start, source.end);
  if (equalBytes(written, toHtmlSafeJson(signedBytes)) && !customIsEscaped(source)) return undefined;
  return 'it may not be written in canonical form: the members of a custom object must be sorted by name, without white space, <, >, & and escapes';
}

function customIsEscaped(source: JsonObject): boolean {
  const targets = source.get('targets');
  if (targets?.kind !== 'object') return false;
  for (const { value } of targets.members()) {
    const custom = value.kind === 'object' ? value.get('custom') : undefined;
    if (custom !== undefined && ESCAPED.test(utf8Decode(canonicalise(custom)))) return true;
  }
  return false;
}
