import { CountersignError, type Instant } from '@countersign/client/tuf';
import type { TargetFiles } from '../collection/ports.js';
import { isBlobName, newBlobName, noSuchBlob } from './blob-names.js';
import type { Engine } from './engine.js';
import { Measure } from './target-hash.js';

/** Bytes in a row: small enough that writing one keeps no publish waiting. */
const CHUNK = 512 * 1024;
/** Rows removed in one transaction, for the same reason. */
const REMOVED_AT_ONCE = 8;
/** Names answered at once by `sweep`. */
const BATCH = 500;

const NEW_BLOB = 'INSERT INTO target_blobs (name, created_at) VALUES (?, ?)';
const NEW_CHUNK = 'INSERT INTO target_chunks (blob, seq, bytes) VALUES (?, ?, ?)';
const FINISH = 'UPDATE target_blobs SET chunks = ? WHERE name = ? RETURNING name';
const CHUNKS = 'SELECT chunks FROM target_blobs WHERE name = ? AND chunks IS NOT NULL';
const READ_CHUNK = 'SELECT bytes FROM target_chunks WHERE blob = ? AND seq = ?';
const HIDE = 'UPDATE target_blobs SET chunks = NULL WHERE name = ? RETURNING name';
const REMOVE_CHUNKS = `
  DELETE FROM target_chunks WHERE id IN (SELECT id FROM target_chunks WHERE blob = ? LIMIT ${REMOVED_AT_ONCE}) RETURNING id`;
const REMOVE_BLOB = 'DELETE FROM target_blobs WHERE name = ?';
const SWEEP = `SELECT name FROM target_blobs WHERE name > ? AND created_at < ? ORDER BY name LIMIT ${BATCH}`;

/** Target files as rows: each chunk is a transaction of its own, and a file is visible when it is whole. */
export function targetRows(engine: Engine, clock: () => Instant): TargetFiles {
  const write = (sql: string, values: readonly (string | number | Uint8Array)[]): Promise<number> =>
    engine.write(async (session) => ({ keep: (await session.query(sql, values)).length }));

  async function remove(blob: string): Promise<void> {
    if (!isBlobName(blob) || (await write(HIDE, [blob])) === 0) return;
    while ((await write(REMOVE_CHUNKS, [blob])) > 0);
    await write(REMOVE_BLOB, [blob]);
  }

  return {
    async write(bytes, maxBytes) {
      const blob = newBlobName();
      const measure = new Measure(maxBytes);
      try {
        await write(NEW_BLOB, [blob, clock()]);
        let seq = 0;
        for await (const chunk of chunked(measure.through(bytes))) {
          await write(NEW_CHUNK, [blob, seq, chunk]);
          seq += 1;
        }
        if ((await write(FINISH, [seq, blob])) === 0) throw noSuchBlob();
      } catch (error) {
        await remove(blob).catch(() => undefined); // `sweep` finds what stays
        throw error;
      }
      return { blob, ...measure.result() };
    },

    async open(blob) {
      if (!isBlobName(blob)) throw noSuchBlob();
      const [row] = await engine.read.query<{ readonly chunks: number }>(CHUNKS, [blob]);
      if (row === undefined) throw noSuchBlob();
      return readChunks(engine, blob, row.chunks);
    },

    remove,

    async *sweep(before) {
      for (let last = ''; ;) {
        const rows = await engine.read.query<{ readonly name: string }>(SWEEP, [last, before]);
        const newest = rows.at(-1);
        if (newest === undefined) return;
        yield rows.map((row) => row.name);
        last = newest.name;
      }
    },
  };
}

async function* readChunks(engine: Engine, blob: string, chunks: number): AsyncGenerator<Uint8Array> {
  for (let seq = 0; seq < chunks; seq += 1) {
    const [row] = await engine.read.query<{ readonly bytes: Uint8Array }>(READ_CHUNK, [blob, seq]);
    if (row === undefined) throw new CountersignError('not-found', 'the target file was removed while it was read');
    yield row.bytes;
  }
}

/** The same bytes in pieces of `CHUNK`, the last one shorter; each piece is a buffer of its own. */
async function* chunked(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let buffer = new Uint8Array(CHUNK);
  let filled = 0;
  for await (const piece of bytes) {
    for (let taken = 0; taken < piece.length;) {
      const part = piece.subarray(taken, taken + CHUNK - filled);
      buffer.set(part, filled);
      filled += part.length;
      taken += part.length;
      if (filled < CHUNK) continue;
      yield buffer;
      buffer = new Uint8Array(CHUNK);
      filled = 0;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}
