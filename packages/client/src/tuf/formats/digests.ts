import { objectAt, malformed, textAt } from './fields.js';
import type { JsonString, JsonView } from '../json.js';
import type { Hashes } from '../model.js';

/** How a format spells digests. */
export interface DigestForm {
  readonly name: 'hexadecimal' | 'base64';
  readonly decode: (text: string) => Uint8Array | undefined;
  /** Whether a string is one or more bytes in this form, told without building anything. */
  readonly fits: (view: JsonString) => boolean;
}

/** At least one digest by algorithm name. */
export function parseDigests(view: JsonView | undefined, form: DigestForm, where: string): Hashes {
  const hashes = new Map<string, Uint8Array>();
  for (const [algorithm, value] of objectAt(view, `hashes of ${where}`).entries()) {
    const bytes = form.decode(textAt(value, `a hash of ${where}`));
    if (bytes === undefined || bytes.length === 0) return malformed(`a hash of ${where}`, `is not ${form.name}`);
    hashes.set(algorithm, bytes);
  }
  if (hashes.size === 0) return malformed(`hashes of ${where}`, 'is empty');
  return hashes;
}

/** What `parseDigests` checks, without building any digest. */
export function checkDigests(view: JsonView | undefined, form: DigestForm, where: string): void {
  let listed = 0;
  for (const { value } of objectAt(view, `hashes of ${where}`).members()) {
    listed += 1;
    if (value.kind !== 'string' || !form.fits(value)) malformed(`a hash of ${where}`, `is not ${form.name}`);
  }
  if (listed === 0) malformed(`hashes of ${where}`, 'is empty');
}
