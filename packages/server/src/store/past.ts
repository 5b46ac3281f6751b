import { ROOT, SNAPSHOT, TIMESTAMP, type Gun, type RoleName } from '@countersign/client/tuf';
import type { FileName, NewFile, PastFiles, PastResult } from '../collection/ports.js';
import { FILES_AT_ONCE, fileValues, newFiles } from './commit.js';
import { slices, tuples, type Outcome, type Session } from './engine.js';

// Takes the collection's row: a deletion waits, or has ended the life that `head` is of.
const TAKE = `
  UPDATE collections SET head_id = head_id WHERE gun = ? AND head_id <> 0
    AND EXISTS (SELECT 1 FROM heads h WHERE h.id = ? AND h.collection_id = collections.id)
  RETURNING id, head_id`;

const CURRENT = `SELECT root_version, snapshot_version, timestamp_version FROM heads WHERE id = ?`;

const stored = (count: number): string => `
  SELECT role, version, sha256 FROM files
  WHERE collection_id = ? AND (role, version) IN (VALUES ${tuples(count, '(CAST(? AS text), CAST(? AS bigint))')})`;

interface Current {
  readonly root_version: number;
  readonly snapshot_version: number;
  readonly timestamp_version: number;
}

/** The whole of `Store.addPast`, inside its transaction. */
export async function addPastFiles(session: Session, past: PastFiles): Promise<Outcome<PastResult>> {
  const taken = await take(session, past.gun, past.head);
  if (taken === undefined) return { undo: { kind: 'gone' } };
  const late = past.files.find(({ role, version }) => version >= (taken.current.get(role) ?? Infinity));
  if (late !== undefined) return { undo: { kind: 'not-past', role: late.role, version: late.version } };
  let added = 0;
  const differing: FileName[] = [];
  for (const files of slices(past.files, FILES_AT_ONCE)) {
    const values = files.flatMap((file) => fileValues(taken.id, file, past.now));
    const written = await session.query(newFiles(files.length), values);
    added += written.length;
    if (written.length < files.length) differing.push(...(await others(session, taken.id, files)));
  }
  return { keep: { kind: 'added', added, differing } };
}

interface Taken {
  readonly id: number;
  readonly current: ReadonlyMap<RoleName, number>;
}

async function take(session: Session, gun: Gun, head: number): Promise<Taken | undefined> {
  const [collection] = await session.query<{ readonly id: number; readonly head_id: number }>(TAKE, [gun, head]);
  if (collection === undefined) return undefined;
  const [current] = await session.query<Current>(CURRENT, [collection.head_id]);
  if (current === undefined) return undefined;
  const { root_version, snapshot_version, timestamp_version } = current;
  const versions = [
    [ROOT, root_version],
    [SNAPSHOT, snapshot_version],
    [TIMESTAMP, timestamp_version],
  ] as const;
  return { id: collection.id, current: new Map(versions) };
}

/** Which of `files` are stored with other bytes. */
async function others(session: Session, collection: number, files: readonly NewFile[]): Promise<readonly FileName[]> {
  const values = files.flatMap(({ role, version }) => [role, version]);
  const rows = await session.query<{ readonly role: string; readonly version: number; readonly sha256: string }>(
    stored(files.length),
    [collection, ...values],
  );
  const hashes = new Map(rows.map((row) => [`${row.version} ${row.role}`, row.sha256]));
  return files
    .filter(({ role, version, sha256 }) => hashes.get(`${version} ${role}`) !== sha256)
    .map(({ role, version }) => ({ role, version }));
}
