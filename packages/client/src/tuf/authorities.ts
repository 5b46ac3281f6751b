import { hexEncode } from './encoding.js';
import type { PublicKey, Role } from './model.js';
import type { KeyId } from './names.js';

type Keys = ReadonlyMap<KeyId, PublicKey>;

/**
 * Numbers for who may sign. Two roles with one number ask for the same signatures, in whichever documents their keys are
 * listed: a file that was verified for the one is verified for the other.
 */
export class Authorities {
  readonly #keys = new Map<string, number>();
  readonly #authorities = new Map<string, number>();
  /** A key is written out once, not for every delegation that names it. */
  readonly #knownKeys = new WeakMap<PublicKey, number>();
  /** By the list of key ids, which a document has once for a role and once for all its bins: thousands are written out once. */
  readonly #known = new WeakMap<
    Role['keyIds'],
    Pick<Role, 'threshold'> & { readonly keys: Keys; readonly of: number }
  >();

  of({ keyIds, threshold }: Role, keys: Keys): number {
    const known = this.#known.get(keyIds);
    if (known?.threshold === threshold && known.keys === keys) return known.of;
    const text = JSON.stringify([threshold, ...keyIds.map((id) => [id, this.#numberOf(keys.get(id))])]);
    const of = numbered(this.#authorities, text);
    this.#known.set(keyIds, { threshold, keys, of });
    return of;
  }

  /** Equal for two keys that verify alike under one id. */
  #numberOf(key: PublicKey | undefined): number | undefined {
    if (key === undefined) return undefined;
    const known = this.#knownKeys.get(key);
    if (known !== undefined) return known;
    const preimage = key.idPreimage === undefined ? '' : hexEncode(key.idPreimage);
    const number = numbered(this.#keys, JSON.stringify([key.scheme, key.identity, preimage]));
    this.#knownKeys.set(key, number);
    return number;
  }
}

function numbered(numbers: Map<string, number>, text: string): number {
  const number = numbers.get(text) ?? numbers.size;
  numbers.set(text, number);
  return number;
}
