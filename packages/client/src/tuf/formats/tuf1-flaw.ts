import type { Envelope } from '../envelope.js';
import { formatInstant } from '../names.js';
import type { Root, Snapshot, Targets } from '../model.js';
import type { JsonObject, JsonView } from '../json.js';
import { sourceOf } from './fields.js';
import { keysFlaw } from './tuf1-flaw-keys.js';
import { numberFlaw, orderFlaw } from './tuf1-flaw-json.js';

type File = Envelope<Root> | Envelope<Targets> | Envelope<Snapshot>;

const KEY_ID = /^[0-9a-f]{64}$/u;

/**
 * What some stock client refuses, or reads otherwise, though it parses here: python-tuf reads an expiry only as
 * `YYYY-MM-DDTHH:MM:SSZ` and a root only with the four roles, tuf-js wants `consistent_snapshot` to be there and finds
 * `toString` among the signatures of any file, nobody takes a file that is not signed at all.
 */
export function flaw(file: File): string | undefined {
  const source = sourceOf(file.signed);
  if (source === undefined) return undefined;
  return expiryFlaw(file, source) ?? signaturesFlaw(file) ?? jsonFlaw(file, source) ?? ownFlaw(file, source);
}

function expiryFlaw({ signed }: File, source: JsonObject): string | undefined {
  const expires = source.get('expires');
  if (expires?.kind === 'string' && expires.value === formatInstant(signed.expires)) return undefined;
  return `expires must be written like ${formatInstant(signed.expires)}, in whole seconds and with a Z`;
}

/** tuf-js collects signatures in a plain object, where `constructor` is taken before the first of them. */
function signaturesFlaw({ signatures }: File): string | undefined {
  if (signatures.length === 0) return 'it carries no signature';
  const strange = signatures.find(({ keyId }) => !KEY_ID.test(keyId));
  if (strange === undefined) return undefined;
  return `it carries a signature by ${quote(strange.keyId)}, which is no key id of 64 lower-case hex digits`;
}

function jsonFlaw({ signedBytes }: File, source: JsonObject): string | undefined {
  return numberFlaw(signedBytes) ?? orderFlaw(source, signedBytes);
}

function ownFlaw({ signed }: File, source: JsonObject): string | undefined {
  switch (signed.type) {
    case 'root':
      return rootFlaw(source) ?? keysFlaw(signed.keys);
    case 'targets':
      return hashesFlaw(source.get('targets')) ?? (signed.delegations && keysFlaw(signed.delegations.keys));
    case 'snapshot':
      return hashesFlaw(source.get('meta'));
  }
}

function rootFlaw(source: JsonObject): string | undefined {
  if (source.get('consistent_snapshot') === undefined) return 'consistent_snapshot is missing';
  const roles = source.get('roles');
  // The four are there, or it would not have parsed.
  if (roles?.kind !== 'object' || roles.size === 4) return undefined;
  return 'roles must be root, timestamp, snapshot and targets alone';
}

/** tuf-js compares hashes as texts, with lower-case ones it makes itself. */
function hashesFlaw(table: JsonView | undefined): string | undefined {
  if (table?.kind !== 'object') return undefined;
  for (const { value: entry } of table.members()) {
    const hashes = entry.kind === 'object' ? entry.get('hashes') : undefined;
    if (hashes?.kind !== 'object') continue;
    for (const { value } of hashes.members())
      if (hasCapital(value)) return `the hash ${quote(textOf(value))} is not in lower case`;
  }
  return undefined;
}

function hasCapital({ text, start, end }: JsonView): boolean {
  for (let i = start + 1; i < end; i += 1) {
    const c = text.bytes[i] ?? 0;
    // A backslash: nobody escapes a hex digit for an honest reason.
    if ((c >= 0x41 && c <= 0x46) || c === 0x5c) return true;
  }
  return false;
}

function textOf(view: JsonView): string {
  return view.kind === 'string' ? view.value : '';
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
