import { hexEncode } from './encoding.js';
import type { PublicKey, Role } from './model.js';
import type { KeyId } from './names.js';

/**
 * Short texts for who may sign. Two roles with one text ask for the same signatures, in whichever documents their keys are
 * listed: a file that was verified for the one is verified for the other.
 */
export class Authorities {
  readonly #numbers = new Map<string, number>();
  /** A key is written out once, not for every delegation that names it. */
  readonly #known = new WeakMap<PublicKey, number>();

  of({ keyIds, threshold }: Role, keys: ReadonlyMap<KeyId, PublicKey>): string {
    return JSON.stringify([threshold, ...keyIds.map((id) => [id, this.#numberOf(keys.get(id))])]);
  }

  /** Equal for two keys that verify alike under one id. */
  #numberOf(key: PublicKey | undefined): number | undefined {
    if (key === undefined) return undefined;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const preimage = key.idPreimage === undefined ? '' : hexEncode(key.idPreimage);
    const text = JSON.stringify([key.scheme, key.identity, preimage]);
    const number = this.#numbers.get(text) ?? this.#numbers.size;
    this.#numbers.set(text, number);
    this.#known.set(key, number);
    return number;
  }
}
