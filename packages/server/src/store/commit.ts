import { CountersignError, type Instant } from '@countersign/client/tuf';
import type { Commit, CommitResult, NewFile } from '../collection/ports.js';
import { slices, tuples, type Outcome, type Session, type Value } from './engine.js';
import { adoptKey } from './keys.js';
import { countUses, missingTargets } from './target-uses.js';

const NEW_COLLECTION = `
  INSERT INTO collections (gun, format, head_id, renew_at, created_at) VALUES (?, ?, 0, ?, ?)
  ON CONFLICT (gun) DO UPDATE SET format = excluded.format WHERE collections.head_id = 0`;

// The swap. Of two that follow the same head the second waits for the first one's transaction, then inserts nothing.
const NEW_HEAD = `
  INSERT INTO heads (collection_id, follows, root_version, snapshot_version, timestamp_version, created_at)
  SELECT c.id, c.head_id, CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint)
  FROM collections c WHERE c.gun = ? AND c.head_id = ?
  ON CONFLICT (collection_id, follows) DO NOTHING
  RETURNING id, collection_id`;

export const newFiles = (count: number): string => `
  INSERT INTO files (collection_id, role, version, sha256, expires, created_at, bytes)
  VALUES ${tuples(count, '(?, ?, ?, ?, ?, ?, ?)')}
  ON CONFLICT (collection_id, role, version) DO NOTHING
  RETURNING role, version`;

// A head that leads to nothing would be invisible, so the collection moves only to one whose files are there; and only from
// the head that is followed, since a deletion may have ended the collection's life meanwhile.
const MOVE_HEAD = `
  UPDATE collections SET head_id = ?, renew_at = ?, timestamp_expires = ?
  WHERE id = ? AND head_id = ?
    AND EXISTS (SELECT 1 FROM files f WHERE f.collection_id = collections.id AND f.role = 'root' AND f.version = ?)
    AND EXISTS (SELECT 1 FROM files f WHERE f.collection_id = collections.id AND f.role = 'snapshot' AND f.version = ?)
  RETURNING id`;

const CURRENT_HEAD = `SELECT head_id FROM collections WHERE id = ?`;

const NEW_CHANGE = `
  INSERT INTO changes (gun, version, sha256, category, created_at) VALUES (?, ?, ?, 'update', ?)`;

// A write for keys in use already, too: what is not written here is not there, or forgotten.
const keysUsed = (count: number): string => `
  UPDATE online_keys SET pending = 0 WHERE gun = ? AND pending <> 2 AND key_id IN (${tuples(count, '?')})
  RETURNING key_id`;

/** Files written, and keys marked, by one statement. */
export const FILES_AT_ONCE = 20;
const KEYS_AT_ONCE = 20;

/** The whole of a commit, inside its transaction: `undo` unless it is `committed`. */
export async function writeCommit(session: Session, commit: Commit): Promise<Outcome<CommitResult>> {
  const { gun, now } = commit;
  if (commit.follows === undefined) await session.query(NEW_COLLECTION, [gun, commit.format, commit.renewAt, now]);
  const head = await swap(session, commit);
  if (head === undefined) return { undo: { kind: 'lost' } };

  const taken = await insertFiles(session, head.collection_id, commit);
  if (taken !== undefined) return { undo: { kind: 'version-taken', role: taken.role, version: taken.version } };

  await countUses(session, gun, commit.targets.change, now);
  const missing = await missingTargets(session, gun, commit.targets.required, now);
  if (missing.length > 0) return { undo: { kind: 'missing-targets', hashes: missing } };

  const unknown = await markUsed(session, commit);
  if (unknown.length > 0) return { undo: { kind: 'unknown-keys', ids: unknown } };

  if ((await moveHead(session, head, commit)) === 'lost') return { undo: { kind: 'lost' } };
  if (commit.changefeed === 'line')
    await session.query(NEW_CHANGE, [gun, commit.timestamp.version, commit.timestamp.sha256, now]);
  return { keep: { kind: 'committed', head: head.id } };
}

interface HeadRow {
  readonly id: number;
  readonly collection_id: number;
}

async function swap(session: Session, commit: Commit): Promise<HeadRow | undefined> {
  const { rootVersion, snapshotVersion, timestamp, now, gun, follows } = commit;
  const values = [rootVersion, snapshotVersion, timestamp.version, now, gun, follows ?? 0];
  const [head] = await session.query<HeadRow>(NEW_HEAD, values);
  return head;
}

/** The first file whose (role, version) exists already, or undefined when all were written. */
async function insertFiles(session: Session, collection: number, commit: Commit): Promise<NewFile | undefined> {
  for (const files of slices([...commit.files, commit.timestamp], FILES_AT_ONCE)) {
    const values = files.flatMap((file) => fileValues(collection, file, commit.now));
    const rows = await session.query<{ readonly role: string; readonly version: number }>(
      newFiles(files.length),
      values,
    );
    if (rows.length < files.length) return firstUnwritten(files, rows);
  }
  return undefined;
}

/** What `newFiles` takes of one file. */
export function fileValues(collection: number, file: NewFile, now: Instant): readonly Value[] {
  const { role, version, sha256, expires, createdAt = now, bytes } = file;
  return [collection, role, version, sha256, expires, createdAt, bytes];
}

function firstUnwritten(
  files: readonly NewFile[],
  rows: readonly { readonly role: string; readonly version: number }[],
): NewFile | undefined {
  const written = new Set(rows.map((row) => `${row.version} ${row.role}`));
  // A file named twice in one commit is written once: the second `delete` finds nothing.
  return files.find((file) => !written.delete(`${file.version} ${file.role}`));
}

/** The keys that could not be marked used. */
async function markUsed(session: Session, { gun, usedKeys, adoptedKeys }: Commit): Promise<readonly string[]> {
  const unmarked = new Set(usedKeys);
  for (const key of adoptedKeys) {
    if (!(await adoptKey(session, key))) unmarked.add(key.id);
  }
  for (const keys of slices(usedKeys, KEYS_AT_ONCE)) {
    const rows = await session.query<{ readonly key_id: string }>(keysUsed(keys.length), [gun, ...keys]);
    for (const row of rows) unmarked.delete(row.key_id);
  }
  return [...unmarked];
}

async function moveHead(session: Session, head: HeadRow, commit: Commit): Promise<'moved' | 'lost'> {
  const { follows = 0, renewAt, timestamp, rootVersion, snapshotVersion } = commit;
  const values = [head.id, renewAt, timestamp.expires, head.collection_id, follows, rootVersion, snapshotVersion];
  if ((await session.query(MOVE_HEAD, values)).length > 0) return 'moved';
  const [current] = await session.query<{ readonly head_id: number }>(CURRENT_HEAD, [head.collection_id]);
  if (current?.head_id !== follows) return 'lost';
  throw new CountersignError('internal', 'a commit names a root or snapshot version that is not stored', {
    detail: { role: 'root', version: rootVersion, snapshot: snapshotVersion },
  });
}
