import { CountersignError, type Gun, type Instant } from '@countersign/client/tuf';
import type { OnlineKey } from '../collection/ports.js';
import { slices, tuples, type Engine, type Session } from './engine.js';
import { asGun, asInstant } from './rows.js';

interface KeyRow {
  readonly key_id: string;
  readonly gun: string;
  readonly role: OnlineKey['role'];
  readonly algorithm: OnlineKey['algorithm'];
  readonly spki: Uint8Array;
  readonly pending: number;
  readonly created_at: number;
}

const COLUMNS = 'key_id, gun, role, algorithm, spki, pending, created_at';

// `pending`: 1 until a published root names the key, then 0; or 2 once it is forgotten.
const ALL = `SELECT ${COLUMNS} FROM online_keys WHERE gun = ? AND role = ? AND pending <> 2 ORDER BY id`;

// Refused by the unique index on pending keys, and by the one on (gun, key_id).
const ADD = `
  INSERT INTO online_keys (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`;

// A key that was forgotten is about to be destroyed, or is no more.
const ADOPT = `
  INSERT INTO online_keys (${COLUMNS}) VALUES (?, ?, ?, ?, ?, 0, ?)
  ON CONFLICT (gun, key_id) DO UPDATE SET pending = 0 WHERE online_keys.pending <> 2 RETURNING key_id`;

const PENDING = `
  SELECT ${COLUMNS} FROM online_keys
  WHERE gun = ? AND role = ? AND algorithm = ? AND (pending = 1 OR key_id = ?) AND pending <> 2 ORDER BY pending DESC LIMIT 1`;

const COUNT_PENDING = `
  SELECT count(*) AS count FROM online_keys k
  WHERE k.pending = 1 AND NOT EXISTS (SELECT 1 FROM collections c WHERE c.gun = k.gun AND c.head_id <> 0)`;

// The outer conditions are the ones that count: where a commit came first, PostgreSQL looks at them again.
const FORGET = `
  UPDATE online_keys SET pending = 2 WHERE pending = 1 AND created_at < ? AND id IN
    (SELECT id FROM online_keys WHERE pending = 1 AND created_at < ? ORDER BY id LIMIT ?)`;

const FORGOTTEN = `SELECT ${COLUMNS} FROM online_keys WHERE pending = 2 ORDER BY id LIMIT ?`;

const drop = (count: number): string =>
  `DELETE FROM online_keys WHERE pending = 2 AND key_id IN (${tuples(count, '?')})`;

const KEYS_AT_ONCE = 100;

/** Attempts before giving up on a pending key that vanishes each time before it can be read. */
const ATTEMPTS = 5;

export async function readKeys(session: Session, gun: Gun, role: OnlineKey['role']): Promise<readonly OnlineKey[]> {
  return (await session.query<KeyRow>(ALL, [gun, role])).map(onlineKey);
}

export async function addPendingKey(engine: Engine, key: OnlineKey): Promise<OnlineKey> {
  const values = [key.id, key.gun, key.role, key.algorithm, key.spki, 1, key.createdAt];
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const row = await engine.write<KeyRow | undefined>(async (session) => {
      const [added] = await session.query<KeyRow>(ADD, values);
      if (added !== undefined) return { keep: added };
      const [known] = await session.query<KeyRow>(PENDING, [key.gun, key.role, key.algorithm, key.id]);
      return { undo: known };
    });
    // Undefined: a commit marked the pending key used between the two statements.
    if (row !== undefined) return onlineKey(row);
  }
  throw new CountersignError('unavailable', `the ${key.role} key of ${key.gun} keeps changing`, {
    next: 'Try again in a moment.',
  });
}

/** Records a key as used, inside the transaction of a commit; false where it has been forgotten. */
export async function adoptKey(session: Session, key: OnlineKey): Promise<boolean> {
  const values = [key.id, key.gun, key.role, key.algorithm, key.spki, key.createdAt];
  return (await session.query(ADOPT, values)).length > 0;
}

export async function countPendingKeys(session: Session): Promise<number> {
  const [row] = await session.query<{ readonly count: number }>(COUNT_PENDING, []);
  return row?.count ?? 0;
}

export async function forgetPendingKeys(engine: Engine, before: Instant, limit: number): Promise<readonly OnlineKey[]> {
  return engine.write(async (session) => {
    await session.query(FORGET, [before, before, limit]);
    return { keep: (await session.query<KeyRow>(FORGOTTEN, [limit])).map(onlineKey) };
  });
}

export async function dropForgottenKeys(engine: Engine, ids: readonly string[]): Promise<void> {
  for (const slice of slices(ids, KEYS_AT_ONCE)) {
    await engine.write(async (session) => ({ keep: await session.query(drop(slice.length), slice) }));
  }
}

function onlineKey(row: KeyRow): OnlineKey {
  return {
    id: row.key_id,
    gun: asGun(row.gun),
    role: row.role,
    algorithm: row.algorithm,
    spki: row.spki,
    pending: row.pending === 1,
    createdAt: asInstant(row.created_at),
  };
}
