import { createHash } from 'node:crypto';
import { CountersignError, SNAPSHOT, type FormatName, type Instant } from '@countersign/client/tuf';
import { signingKey, type SigningKey } from './algorithms.js';
import type { GroupCommit } from './group-commit.js';
import type { Keks } from './keks.js';
import { decide, raised, type Lifetimes, type Published, type Signed } from './policy.js';
import { floorOf, type Followed, type Reading } from './reading.js';
import { Serial } from './serial.js';
import type { Floor, KeyRow, KeyStore, SignedState } from './store.js';
import type { OnlineRole } from './wire.js';

/** Versions reserved by one write once a key is busy; after a crash at most this many are skipped. */
const BLOCK = 32;

/** How often a step is tried again because another process moved the key's state. */
const ATTEMPTS = 4;

interface Held {
  readonly row: KeyRow;
  readonly key: SigningKey;
  /** What the database says. */
  stored: SignedState;
  /** What was signed: `version` is at most `stored.highest`, the rest is reserved. */
  signed: Signed;
  /** This process has written the state since it loaded the key. */
  warm: boolean;
}

export interface KeyringOptions {
  /** A format that is not here is not signed. */
  readonly lifetimes: Readonly<Partial<Record<FormatName, Lifetimes>>>;
  /** How many opened private keys are kept in memory. */
  readonly cachedKeys: number;
}

/** What is asked of one key. */
export interface Order {
  readonly keyId: string;
  readonly gun: string;
  readonly reading: Reading;
  readonly payload: Uint8Array;
}

/**
 * The opened private keys. It makes the policy hold: decisions of one key follow each other, and the version a signature
 * carries is durable before the signature exists. Keys in memory are a bounded cache over the store; a key that drops out
 * comes back with what is durable about it.
 *
 * Two signers on one database never sign the same version twice (every step is a compare-and-swap), but each may use up
 * the block it reserved in its own time.
 */
export class Keyring {
  readonly #store: KeyStore;
  readonly #commits: GroupCommit;
  readonly #keks: Keks;
  readonly #options: KeyringOptions;
  readonly #serial = new Serial();
  /** In order of last use. */
  readonly #held = new Map<string, Held>();

  constructor(store: KeyStore, commits: GroupCommit, keks: Keks, options: KeyringOptions) {
    this.#store = store;
    this.#commits = commits;
    this.#keks = keks;
    this.#options = options;
  }

  /**
   * Signs if the policy allows.
   * @throws CountersignError `not-found`, `policy`, `stale-version`, `unsealed` or the store's
   */
  sign(order: Order, now: Instant): Promise<Uint8Array> {
    return this.#serial.run(order.keyId, async () => {
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const held = await this.#hold(order.keyId);
        checkOwner(held.row, order.gun, order.reading.role);
        if (await this.#advance(held, order, now)) return held.key.sign(order.payload);
        this.#held.delete(order.keyId);
      }
      throw new CountersignError('unavailable', `key ${order.keyId} is in use by another signer`, {
        next: 'Try again.',
      });
    });
  }

  /**
   * Makes durable what a published timestamp means for the next one of its key, ahead of it. A version is reserved with it,
   * so that the write is a step from one state to another like every other.
   * @throws CountersignError `not-found`, `policy`, `unsealed` or the store's
   */
  follow(order: { readonly keyId: string; readonly gun: string; readonly follows: Followed }): Promise<void> {
    const { keyId, gun, follows } = order;
    return this.#serial.run(keyId, async () => {
      const held = await this.#hold(keyId);
      checkOwner(held.row, gun, 'timestamp');
      const floor = raised(held.stored.floor, publishedBy(held, follows));
      if (floor === held.stored.floor) return;
      const after = { highest: held.stored.highest + 1, payload: undefined, floor };
      if (await this.#write(held, after)) held.signed = { ...held.signed, floor };
      else this.#held.delete(keyId);
    });
  }

  /**
   * Forgets a key that never signed, here and in the store. One that signed is what a published root may depend on: no
   * server may destroy it.
   * @throws CountersignError `policy` or the store's
   */
  remove(keyId: string): Promise<void> {
    return this.#serial.run(keyId, async () => {
      this.#held.delete(keyId);
      if (await this.#store.removeUnused(keyId)) return;
      throw new CountersignError('policy', `key ${keyId} has signed, and only unused keys can be deleted`);
    });
  }

  /** Makes the step to `order` durable; false if another process was faster. */
  async #advance(held: Held, order: Order, now: Instant): Promise<boolean> {
    const published = publishedBy(held, order.reading.follows);
    const payload = sha256Of(order.payload);
    const { reading } = order;
    const signed = decide(held.signed, { reading, payload, published }, this.#lifetimes(reading.format), now);
    if (signed !== held.signed && !isReserved(held, signed)) {
      const after = reservation(held, signed);
      if (!(await this.#write(held, after))) return false;
    }
    held.signed = { ...signed, floor: held.stored.floor };
    return true;
  }

  #lifetimes(format: FormatName): Lifetimes {
    const lifetimes = this.#options.lifetimes[format];
    if (lifetimes !== undefined) return lifetimes;
    throw new CountersignError('unsupported', `this signer does not sign the format ${format}`);
  }

  async #write(held: Held, after: SignedState): Promise<boolean> {
    try {
      if (!(await this.#commits.advance({ id: held.row.id, before: held.stored, after }))) return false;
    } catch (error) {
      // whether it was written is unknown: the next request reads it again
      this.#held.delete(held.row.id);
      throw error;
    }
    held.stored = after;
    held.warm = true;
    return true;
  }

  async #hold(keyId: string): Promise<Held> {
    const held = this.#held.get(keyId) ?? (await this.#load(keyId));
    this.#held.delete(keyId);
    this.#held.set(keyId, held);
    if (this.#held.size > this.#options.cachedKeys) {
      const [oldest] = this.#held.keys();
      if (oldest !== undefined) this.#held.delete(oldest);
    }
    return held;
  }

  async #load(keyId: string): Promise<Held> {
    const found = await this.#store.find(keyId);
    if (found === undefined) throw new CountersignError('not-found', `there is no key ${keyId}`);
    const { row, state } = found;
    const pkcs8 = this.#keks.open(row.kek, row.sealed);
    try {
      const key = signingKey(row.algorithm, pkcs8, row.id);
      const signed = { version: state.highest, payload: state.payload, floor: state.floor };
      return { row, key, stored: state, signed, warm: false };
    } finally {
      pkcs8.fill(0);
    }
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function checkOwner(row: KeyRow, gun: string, role: OnlineRole): void {
  if (row.gun === gun && row.role === role) return;
  throw new CountersignError('policy', `key ${row.id} was made for the ${row.role} of another collection or role`, {
    detail: { role },
  });
}

/** The file that is followed, if this key signed it. One that another key signed (before a rotation) is no floor. */
function publishedBy({ key, signed }: Held, follows: Followed | undefined): Published | undefined {
  if (follows === undefined) return undefined;
  // Mostly it is what this key signed last: then its hash says as much as its signature, for a tenth of the time.
  const ours =
    sha256Of(follows.signedBytes) === signed.payload ||
    follows.signatures.some(({ value }) => key.verify(value, follows.signedBytes));
  return ours ? { version: follows.signed.version, floor: floorOf(follows) } : undefined;
}

function isReserved(held: Held, signed: Signed): boolean {
  return signed.version <= held.stored.highest && signed.floor === held.signed.floor;
}

/**
 * What to write before `signed` may leave. A snapshot moves its floor each time, so only timestamps reserve; and only once
 * they are busy, so that a key that signs once a day leaves no gaps and can be asked again after a restart.
 */
function reservation(held: Held, signed: Signed): SignedState {
  const busy = held.warm && held.row.role === 'timestamp';
  if (busy) return { highest: signed.version + BLOCK - 1, payload: undefined, floor: reservedFloor(held, signed) };
  return { highest: signed.version, payload: signed.payload, floor: signed.floor };
}

/** A timestamp names a new snapshot with each publish, and each publish must not cost a write more. */
function reservedFloor(held: Held, { floor }: Signed): Floor | undefined {
  const named = floor?.get(SNAPSHOT);
  if (floor === undefined || named === undefined || named === held.signed.floor?.get(SNAPSHOT)) return floor;
  return new Map([...floor, [SNAPSHOT, named + BLOCK - 1]]);
}
