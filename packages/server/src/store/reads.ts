import {
  ROOT,
  SNAPSHOT,
  TIMESTAMP,
  type FormatName,
  type Gun,
  type Instant,
  type RoleName,
  type Version,
} from '@countersign/client/tuf';
import type { DueCollection, Head, StoredFile } from '../collection/ports.js';
import { slices, tuples, type Session } from './engine.js';
import { asGun, asInstant, FILE, storable, storedFile, type FileRow } from './rows.js';

const TIMESTAMP_FILE = `
  SELECT ${FILE} FROM collections c
  JOIN heads h ON h.id = c.head_id
  JOIN files f ON f.collection_id = c.id AND f.role = 'timestamp' AND f.version = h.timestamp_version
  WHERE c.gun = ?`;

// One statement, so one state: the three files belong together on both engines. (With OR instead of UNION ALL, SQLite
// would walk every version the collection ever had.)
const HEAD = (['root', 'snapshot', 'timestamp'] as const)
  .map(
    (role) => `
  SELECT h.id AS head, c.format, ${FILE} FROM collections c
  JOIN heads h ON h.id = c.head_id
  JOIN files f ON f.collection_id = c.id AND f.role = '${role}' AND f.version = h.${role}_version
  WHERE c.gun = ?`,
  )
  .join(' UNION ALL ');

const BY_VERSION = `
  SELECT ${FILE} FROM collections c JOIN files f ON f.collection_id = c.id
  WHERE c.gun = ? AND f.role = ? AND f.version = ?`;

const BY_HASH = `
  SELECT ${FILE} FROM collections c JOIN files f ON f.collection_id = c.id
  WHERE c.gun = ? AND f.role = ? AND f.sha256 = ? ORDER BY f.version DESC LIMIT 1`;

const byVersions = (count: number): string => `
  SELECT ${FILE} FROM collections c JOIN files f ON f.collection_id = c.id
  WHERE c.gun = ? AND (f.role, f.version) IN (VALUES ${tuples(count, '(CAST(? AS text), CAST(? AS bigint))')})`;

const FORMAT = `SELECT format FROM collections WHERE gun = ? AND head_id <> 0`;

const DUE = `
  SELECT gun, renew_at FROM collections
  WHERE head_id <> 0 AND renew_at <= ? AND (renew_at, gun) > (CAST(? AS bigint), CAST(? AS text))
  ORDER BY renew_at, gun LIMIT ?`;

// Of the index's first entry.
const EARLIEST_EXPIRY = 'SELECT min(timestamp_expires) AS expires FROM collections';

/** Files asked for in one statement. */
const FILES_AT_ONCE = 50;

export async function readTimestamp(session: Session, gun: Gun): Promise<StoredFile | undefined> {
  return first(await session.query<FileRow>(TIMESTAMP_FILE, [gun]));
}

export async function readFormat(session: Session, gun: Gun): Promise<FormatName | undefined> {
  const [row] = await session.query<{ readonly format: FormatName }>(FORMAT, [gun]);
  return row?.format;
}

export async function readHead(session: Session, gun: Gun): Promise<Head | undefined> {
  const rows = await session.query<FileRow & { readonly head: number; readonly format: FormatName }>(HEAD, [
    gun,
    gun,
    gun,
  ]);
  const of = (role: RoleName): StoredFile | undefined => first(rows.filter((row) => row.role === role));
  const [any] = rows;
  const root = of(ROOT);
  const timestamp = of(TIMESTAMP);
  const snapshot = of(SNAPSHOT);
  if (any === undefined || root === undefined || timestamp === undefined || snapshot === undefined) return undefined;
  return { id: any.head, format: any.format, root, timestamp, snapshot };
}

export async function readFile(
  session: Session,
  gun: Gun,
  role: RoleName,
  version: Version,
): Promise<StoredFile | undefined> {
  if (!storable(gun, role)) return undefined;
  return first(await session.query<FileRow>(BY_VERSION, [gun, role, version]));
}

export async function readFileByHash(
  session: Session,
  gun: Gun,
  role: RoleName,
  sha256: string,
): Promise<StoredFile | undefined> {
  if (!storable(gun, role, sha256)) return undefined;
  return first(await session.query<FileRow>(BY_HASH, [gun, role, sha256]));
}

interface Wanted {
  readonly role: RoleName;
  readonly version: Version;
}

export async function readFiles(
  session: Session,
  gun: Gun,
  wanted: readonly Wanted[],
): Promise<readonly (StoredFile | undefined)[]> {
  const name = ({ role, version }: Wanted): string => `${version} ${role}`;
  const found = new Map<string, StoredFile>();
  for (const slice of slices(
    wanted.filter(({ role }) => storable(role)),
    FILES_AT_ONCE,
  )) {
    const values = slice.flatMap(({ role, version }) => [role, version]);
    for (const row of await session.query<FileRow>(byVersions(slice.length), [gun, ...values])) {
      const file = storedFile(row);
      found.set(name(file), file);
    }
  }
  return wanted.map((one) => found.get(name(one)));
}

export async function readDue(
  session: Session,
  now: Instant,
  limit: number,
  last: DueCollection | undefined,
): Promise<readonly DueCollection[]> {
  const values = [now, last?.renewAt ?? -1, last?.gun ?? '', limit];
  const rows = await session.query<{ readonly gun: string; readonly renew_at: number }>(DUE, values);
  return rows.map((row) => ({ gun: asGun(row.gun), renewAt: asInstant(row.renew_at) }));
}

export async function readEarliestExpiry(session: Session): Promise<Instant | undefined> {
  const [row] = await session.query<{ readonly expires: number | null }>(EARLIEST_EXPIRY, []);
  const expires = row?.expires ?? undefined;
  return expires === undefined ? undefined : asInstant(expires);
}

function first(rows: readonly FileRow[]): StoredFile | undefined {
  const [row] = rows;
  return row === undefined ? undefined : storedFile(row);
}
