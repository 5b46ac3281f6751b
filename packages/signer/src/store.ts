import type { Knex } from 'knex';
import type { Instant } from '@countersign/client/tuf';
import type { ScryptParams } from './seal.js';
import { guarded } from './storage-errors.js';
import type { OnlineRole, SignerAlgorithm } from './wire.js';

/** One key-encryption key as stored: what its passphrase is derived with, and a sealed value to check it by. */
export interface KekRow {
  readonly alias: string;
  readonly salt: Uint8Array;
  readonly params: ScryptParams;
  readonly check: string;
  readonly createdAt: Instant;
}

export interface KeyRow {
  readonly id: string;
  readonly gun: string;
  readonly role: OnlineRole;
  readonly algorithm: SignerAlgorithm;
  readonly spki: Uint8Array;
  readonly sealed: string;
  readonly kek: string;
  readonly createdAt: Instant;
}

/** Role name to the highest published version this key's files are known to have listed. */
export type Floor = ReadonlyMap<string, number>;

/** What is durably known of the versions a key has signed. */
export interface SignedState {
  /** The highest version signed or reserved; 0 for a key that never signed. */
  readonly highest: number;
  /** Hex SHA-256 of the payload signed at exactly `highest`; undefined where that was only reserved. */
  readonly payload: string | undefined;
  /**
   * Of a timestamp key: under `snapshot`, the highest snapshot version it has named or reserved; under the empty name, that
   * of the newest timestamp known to be published.
   */
  readonly floor: Floor | undefined;
}

export const NEVER_SIGNED: SignedState = Object.freeze({ highest: 0, payload: undefined, floor: undefined });

/** One key's step from one state to the next: it happens only if the stored state is still `before`. */
export interface Advance {
  readonly id: string;
  readonly before: SignedState;
  readonly after: SignedState;
}

interface StoredKek {
  alias: string;
  salt: string;
  params: string;
  check: string;
  created_at: number | string;
}

interface StoredKey {
  id: string;
  gun: string;
  role: OnlineRole;
  algorithm: SignerAlgorithm;
  spki: string;
  sealed: string;
  kek: string;
  created_at: number | string;
  highest: number | string;
  payload: string | null;
  floor: string | null;
}

/** The most rows one statement writes: five bindings each, under SQLite's limit of 32,766. */
const MOST_ROWS = 1000;

/**
 * The signer's tables. Every method is one statement, durable when it resolves. Errors: `storage-full`, `unavailable`,
 * otherwise `internal`; after any of them a write may or may not have happened.
 */
export class KeyStore {
  readonly #knex: Knex;

  constructor(knex: Knex) {
    this.#knex = knex;
  }

  async kek(alias: string): Promise<KekRow | undefined> {
    const row = await guarded<StoredKek | undefined>(this.#knex('keks').where({ alias }).first());
    if (row === undefined) return undefined;
    return {
      alias: row.alias,
      salt: Buffer.from(row.salt, 'base64'),
      params: JSON.parse(row.params) as ScryptParams,
      check: row.check,
      createdAt: Number(row.created_at) as Instant,
    };
  }

  /** Adds the row unless its alias has one, and answers the one that is stored. */
  async addKek(row: KekRow): Promise<KekRow> {
    const salt = Buffer.from(row.salt).toString('base64');
    const values = {
      alias: row.alias,
      salt,
      params: JSON.stringify(row.params),
      check: row.check,
      created_at: row.createdAt,
    };
    await guarded(this.#knex('keks').insert(values).onConflict('alias').ignore());
    return (await this.kek(row.alias)) ?? row;
  }

  /** How many keys each alias seals. */
  async sealedWith(): Promise<readonly { readonly alias: string; readonly keys: number }[]> {
    const query = this.#knex<StoredKey>('keys').select('kek').count({ n: '*' }).groupBy('kek').orderBy('kek');
    const rows = await guarded(query);
    return rows.map((row) => ({ alias: row.kek, keys: Number(row.n) }));
  }

  async add(row: KeyRow): Promise<void> {
    await guarded(this.#knex('keys').insert({ ...valuesOf(row), highest: 0 }));
  }

  /** Adds a key that has signed elsewhere, up to `highest`; nothing where it is here already. */
  async addSigned(row: KeyRow, highest: number): Promise<void> {
    await guarded(
      this.#knex('keys')
        .insert({ ...valuesOf(row), highest })
        .onConflict('id')
        .ignore(),
    );
  }

  /** Notes that a key has signed elsewhere, up to `highest`; nothing where more is known of it. */
  async raise(id: string, highest: number): Promise<void> {
    await guarded(this.#knex('keys').where({ id }).where('highest', '<', highest).update({ highest, payload: null }));
  }

  async find(id: string): Promise<{ readonly row: KeyRow; readonly state: SignedState } | undefined> {
    const stored = await guarded<StoredKey | undefined>(this.#knex('keys').where({ id }).first());
    return stored === undefined ? undefined : { row: rowOf(stored), state: stateOf(stored) };
  }

  /** Removes the key if it never signed; answers whether it is gone, which one that never was is too. */
  async removeUnused(id: string): Promise<boolean> {
    const removed = await guarded<number>(this.#knex('keys').where({ id, highest: 0 }).delete());
    return removed === 1 || (await this.find(id)) === undefined;
  }

  /** How many keys never signed, counted up to `most`. */
  async unused(most: number): Promise<number> {
    const some = this.#knex('keys').select('id').where({ highest: 0 }).limit(most).as('some');
    const [row] = await guarded<{ n: number | string }[]>(this.#knex.count({ n: '*' }).from(some));
    return Number(row?.n ?? 0);
  }

  /**
   * Takes every step of `steps` (at most one a key) in one transaction, and answers the ids whose step was taken; the
   * state of the others is no longer `before`, or the key is gone.
   */
  async advance(steps: readonly Advance[]): Promise<ReadonlySet<string>> {
    const taken = new Set<string>();
    for (let start = 0; start < steps.length; start += MOST_ROWS) {
      for (const id of await this.#advance(steps.slice(start, start + MOST_ROWS))) taken.add(id);
    }
    return taken;
  }

  async #advance(steps: readonly Advance[]): Promise<readonly string[]> {
    const row = '(CAST(? AS text), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS text), CAST(? AS text))';
    const sql =
      `WITH step (key_id, was, next_highest, next_payload, next_floor) AS (VALUES ${steps.map(() => row).join(', ')}) ` +
      'UPDATE keys SET highest = next_highest, payload = next_payload, floor = next_floor ' +
      'FROM step WHERE keys.id = key_id AND keys.highest = was RETURNING id';
    const bindings = steps.flatMap(({ id, before, after }) => [
      id,
      before.highest,
      after.highest,
      after.payload ?? null,
      after.floor === undefined ? null : JSON.stringify([...after.floor]),
    ]);
    const answer = await guarded<{ id: string }[] | { rows: { id: string }[] }>(
      this.#knex.raw(sql, bindings as string[]),
    );
    return (Array.isArray(answer) ? answer : answer.rows).map((each) => each.id);
  }

  /** Ids after `after`, in order, of keys not sealed with `alias`. */
  async notSealedWith(alias: string, after: string, limit: number): Promise<readonly string[]> {
    const query = this.#knex('keys')
      .select('id')
      .whereNot({ kek: alias })
      .where('id', '>', after)
      .orderBy('id')
      .limit(limit);
    return (await guarded<{ id: string }[]>(query)).map((row) => row.id);
  }

  /** Exchanges a key's seal if it is still `row`'s; answers whether it was. */
  async reseal(row: KeyRow, sealed: string, kek: string): Promise<boolean> {
    const changed = await guarded<number>(
      this.#knex('keys').where({ id: row.id, sealed: row.sealed }).update({ sealed, kek }),
    );
    return changed === 1;
  }

  async ping(): Promise<void> {
    await guarded(this.#knex.raw('SELECT 1'));
  }

  async close(): Promise<void> {
    await this.#knex.destroy();
  }
}

function valuesOf({ createdAt, spki, ...rest }: KeyRow): object {
  return { ...rest, spki: Buffer.from(spki).toString('base64'), created_at: createdAt };
}

function rowOf(stored: StoredKey): KeyRow {
  const { id, gun, role, algorithm, sealed, kek } = stored;
  const spki = Buffer.from(stored.spki, 'base64');
  return { id, gun, role, algorithm, spki, sealed, kek, createdAt: Number(stored.created_at) as Instant };
}

function stateOf(stored: StoredKey): SignedState {
  return {
    highest: Number(stored.highest),
    payload: stored.payload ?? undefined,
    floor: stored.floor === null ? undefined : new Map(JSON.parse(stored.floor) as [string, number][]),
  };
}
