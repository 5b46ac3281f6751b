import type { Gun, Instant, RoleName, Version } from '@countersign/client/tuf';
import type { Outcome, Session } from './engine.js';

// Takes the collection's row first: a publish that is under way waits for it, and then finds its head gone.
const END_LIFE = `UPDATE collections SET head_id = 0, timestamp_expires = NULL WHERE gun = ? AND head_id <> 0 RETURNING id`;

const REMEMBER = `
  INSERT INTO past_versions (collection_id, role, version)
  SELECT f.collection_id, f.role, MAX(f.version) FROM files f WHERE f.collection_id = ? GROUP BY f.collection_id, f.role
  ON CONFLICT (collection_id, role) DO UPDATE SET
    version = CASE WHEN excluded.version > past_versions.version THEN excluded.version ELSE past_versions.version END`;

const DELETE_FILES = `DELETE FROM files WHERE collection_id = ?`;
const DELETE_HEADS = `DELETE FROM heads WHERE collection_id = ?`;

// Nothing names them any more; the bytes go when the retention time is over.
const UNNAME_TARGETS = `
  UPDATE targets SET uses = 0, idle_since = CASE WHEN idle_since < ? THEN ? ELSE idle_since END
  WHERE gun = ? AND uses <> 0`;

const NEW_CHANGE = `
  INSERT INTO changes (gun, version, sha256, category, created_at) VALUES (?, 0, '', 'deletion', ?)`;

const PAST = `
  SELECT p.role, p.version FROM collections c JOIN past_versions p ON p.collection_id = c.id WHERE c.gun = ?`;

/** Inside one transaction: answers whether there was anything to remove. */
export async function removeCollection(session: Session, gun: Gun, now: Instant): Promise<Outcome<boolean>> {
  const [collection] = await session.query<{ readonly id: number }>(END_LIFE, [gun]);
  if (collection === undefined) return { undo: false };
  for (const sql of [REMEMBER, DELETE_FILES, DELETE_HEADS]) await session.query(sql, [collection.id]);
  await session.query(UNNAME_TARGETS, [now, now, gun]);
  await session.query(NEW_CHANGE, [gun, now]);
  return { keep: true };
}

export async function readPastVersions(session: Session, gun: Gun): Promise<ReadonlyMap<RoleName, Version>> {
  const rows = await session.query<{ readonly role: string; readonly version: number }>(PAST, [gun]);
  return new Map(rows.map((row) => [row.role as RoleName, row.version as Version]));
}
