import { CountersignError, type Instant } from '@countersign/client/tuf';
import { generateKey } from './algorithms.js';
import type { Keks } from './keks.js';
import { Serial } from './serial.js';
import type { KeyRow, KeyStore } from './store.js';
import type { CreateKey } from './wire.js';

export interface CreationLimits {
  /** Keys that never signed, over all collections. */
  readonly unusedKeys: number;
  /** New keys a minute, with as many at once after a quiet minute. */
  readonly keysPerMinute: number;
}

/** Makes keys, within limits: whoever may ask for keys must not be able to burn CPU or fill the table. */
export class KeyFactory {
  readonly #store: KeyStore;
  readonly #keks: Keks;
  readonly #limits: CreationLimits;
  readonly #serial = new Serial();
  #allowance: number;
  #countedAt: Instant | undefined;

  constructor(store: KeyStore, keks: Keks, limits: CreationLimits) {
    this.#store = store;
    this.#keks = keks;
    this.#limits = limits;
    this.#allowance = limits.keysPerMinute;
  }

  /**
   * Makes and seals a new key; a second identical request makes a second key.
   * @throws CountersignError `rate-limit` or the store's
   */
  create(request: CreateKey, now: Instant): Promise<KeyRow> {
    // one after the other, so that the cap is exact
    return this.#serial.run('create', async () => {
      this.#spend(now);
      await this.#checkUnused();
      const { id, spki, pkcs8 } = await generateKey(request.algorithm);
      const kek = this.#keks.default;
      const row: KeyRow = { ...request, id, spki, sealed: this.#keks.seal(kek, pkcs8), kek, createdAt: now };
      pkcs8.fill(0);
      await this.#store.add(row);
      return row;
    });
  }

  #spend(now: Instant): void {
    const { keysPerMinute } = this.#limits;
    // a clock set back earns nothing
    const elapsed = Math.max(0, now - (this.#countedAt ?? now));
    this.#countedAt = now;
    this.#allowance = Math.min(keysPerMinute, this.#allowance + (elapsed * keysPerMinute) / 60_000);
    if (this.#allowance < 1) {
      throw new CountersignError('rate-limit', `more than ${keysPerMinute} new keys a minute`, {
        detail: { limit: keysPerMinute },
        next: 'Try again in a minute.',
      });
    }
    this.#allowance -= 1;
  }

  async #checkUnused(): Promise<void> {
    const { unusedKeys } = this.#limits;
    if ((await this.#store.unused(unusedKeys)) < unusedKeys) return;
    throw new CountersignError('rate-limit', `${unusedKeys} keys were made and never used`, {
      detail: { limit: unusedKeys },
      next: 'Raise "limits.unusedKeys" in the signer; servers delete keys that nobody used in time (policy.pendingKeyLifetime).',
    });
  }
}
