import { CountersignError } from '@countersign/client/tuf';
import type { Upload, Uploads } from '../collection/ports.js';
import { slices, tuples, type Engine } from './engine.js';
import { asGun, asInstant, storable } from './rows.js';

interface UploadRow {
  readonly gun: string;
  readonly sha256: string;
  readonly sha512: string;
  readonly length: number;
  readonly blob: string;
  readonly uploaded_at: number;
}

const COLUMNS = 'gun, sha256, sha512, length, blob, uploaded_at';

const BY_SHA256 = `SELECT ${COLUMNS} FROM targets WHERE gun = ? AND sha256 = ? AND blob IS NOT NULL`;
const BY_SHA512 = `SELECT ${COLUMNS} FROM targets WHERE gun = ? AND sha512 = ? AND blob IS NOT NULL`;
const SHA512_HEX = 128;

const LATER = 'CASE WHEN excluded.idle_since > targets.idle_since THEN excluded.idle_since ELSE targets.idle_since END';

// The row may exist without a blob (metadata names the file, nobody uploaded it yet); a blob that is there stays.
const ADD = `
  INSERT INTO targets (gun, sha256, uses, idle_since, sha512, length, blob, uploaded_at) VALUES (?, ?, 0, ?, ?, ?, ?, ?)
  ON CONFLICT (gun, sha256) DO UPDATE SET
    idle_since = ${LATER},
    sha512 = COALESCE(targets.sha512, excluded.sha512),
    length = COALESCE(targets.length, excluded.length),
    blob = COALESCE(targets.blob, excluded.blob),
    uploaded_at = COALESCE(targets.uploaded_at, excluded.uploaded_at)
  RETURNING ${COLUMNS}`;

const touch = (column: string): string => `
  UPDATE targets SET idle_since = CASE WHEN idle_since < ? THEN ? ELSE idle_since END
  WHERE gun = ? AND ${column} = ? AND blob IS NOT NULL
  RETURNING ${COLUMNS}`;

const TOUCH_SHA256 = touch('sha256');
const TOUCH_SHA512 = touch('sha512');

const UNNAMED_BYTES = `
  SELECT CAST(COALESCE(SUM(length), 0) AS bigint) AS bytes FROM targets WHERE gun = ? AND uses = 0 AND blob IS NOT NULL`;

// The outer conditions are the ones that count: where a commit or an upload came first, PostgreSQL looks at them again.
const COLLECT = `
  DELETE FROM targets WHERE uses = 0 AND idle_since < ? AND id IN
    (SELECT id FROM targets WHERE uses = 0 AND idle_since < ? AND blob IS NOT NULL ORDER BY idle_since LIMIT ?)
  RETURNING ${COLUMNS}`;

// Files that metadata named and nobody ever uploaded here: their counts are of no more use.
const FORGET = `
  DELETE FROM targets WHERE uses = 0 AND idle_since < ? AND blob IS NULL AND id IN
    (SELECT id FROM targets WHERE uses = 0 AND idle_since < ? AND blob IS NULL ORDER BY idle_since LIMIT ?)
  RETURNING id`;

const known = (count: number): string => `SELECT blob FROM targets WHERE blob IN (${tuples(count, '?')})`;

const stored = (count: number): string =>
  `SELECT sha256 FROM targets WHERE gun = ? AND blob IS NOT NULL AND sha256 IN (${tuples(count, '?')})`;

const BLOBS_AT_ONCE = 100;
const HASHES_AT_ONCE = 100;

/** @see Uploads for the contract */
export function uploadsIn(engine: Engine): Uploads {
  return {
    async find(gun, hash) {
      if (!storable(gun, hash)) return undefined;
      const [row] = await engine.read.query<UploadRow>(hash.length === SHA512_HEX ? BY_SHA512 : BY_SHA256, [gun, hash]);
      return row === undefined ? undefined : upload(row);
    },

    async touch(gun, hash, now) {
      if (!storable(gun, hash)) return undefined;
      return engine.write(async (session) => {
        const sql = hash.length === SHA512_HEX ? TOUCH_SHA512 : TOUCH_SHA256;
        const [row] = await session.query<UploadRow>(sql, [now, now, gun, hash]);
        return { keep: row === undefined ? undefined : upload(row) };
      });
    },

    async add({ gun, sha256, sha512, length, blob, uploadedAt }) {
      return engine.write(async (session) => {
        const values = [gun, sha256, uploadedAt, sha512, length, blob, uploadedAt];
        const [row] = await session.query<UploadRow>(ADD, values);
        if (row === undefined) throw new CountersignError('internal', 'an upload was not recorded');
        return { keep: upload(row) };
      });
    },

    async missing(gun, sha256) {
      const missing = new Set(sha256);
      for (const slice of slices(
        [...sha256].filter((hash) => storable(hash)),
        HASHES_AT_ONCE,
      )) {
        const rows = await engine.read.query<{ readonly sha256: string }>(stored(slice.length), [gun, ...slice]);
        for (const row of rows) missing.delete(row.sha256);
      }
      return [...missing].sort();
    },

    async unnamedBytes(gun) {
      const [row] = await engine.read.query<{ readonly bytes: number }>(UNNAMED_BYTES, [gun]);
      return row?.bytes ?? 0;
    },

    async collect(unusedBefore, limit) {
      return engine.write(async (session) => {
        const rows = await session.query<UploadRow>(COLLECT, [unusedBefore, unusedBefore, limit]);
        return { keep: rows.map(upload) };
      });
    },

    async forget(unusedBefore, limit) {
      return engine.write(async (session) => {
        const rows = await session.query(FORGET, [unusedBefore, unusedBefore, limit]);
        return { keep: rows.length };
      });
    },

    async known(blobs) {
      const found = new Set<string>();
      for (const slice of slices(
        blobs.filter((blob) => storable(blob)),
        BLOBS_AT_ONCE,
      )) {
        const rows = await engine.read.query<{ readonly blob: string }>(known(slice.length), slice);
        for (const row of rows) found.add(row.blob);
      }
      return found;
    },
  };
}

function upload(row: UploadRow): Upload {
  return {
    gun: asGun(row.gun),
    sha256: row.sha256,
    sha512: row.sha512,
    length: row.length,
    blob: row.blob,
    uploadedAt: asInstant(row.uploaded_at),
  };
}
