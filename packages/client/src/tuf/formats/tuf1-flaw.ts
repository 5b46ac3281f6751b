import type { Envelope } from '../envelope.js';
import { formatInstant } from '../names.js';
import type { Root, Snapshot, Targets } from '../model.js';
import { sourceOf } from './fields.js';

/**
 * What some stock client refuses though it parses here: python-tuf reads an expiry only as `YYYY-MM-DDTHH:MM:SSZ`, tuf-js
 * wants `consistent_snapshot` to be there, nobody takes a file that is not signed at all.
 */
export function flaw(file: Envelope<Root> | Envelope<Targets> | Envelope<Snapshot>): string | undefined {
  const source = sourceOf(file.signed);
  const expires = source?.get('expires');
  if (expires?.kind !== 'string' || expires.value !== formatInstant(file.signed.expires)) {
    return `expires must be written like ${formatInstant(file.signed.expires)}, in whole seconds and with a Z`;
  }
  if (file.signed.type === 'root' && source?.get('consistent_snapshot') === undefined)
    return 'consistent_snapshot is missing';
  return file.signatures.length === 0 ? 'it carries no signature' : undefined;
}
