import { CountersignError, type Gun, type Instant } from '@countersign/client/tuf';
import { slices, tuples, type Session } from './engine.js';

// `idle_since` never goes back, though the clocks of two servers differ. `excluded` is the row that was to be inserted.
const LATER = 'CASE WHEN excluded.idle_since > targets.idle_since THEN excluded.idle_since ELSE targets.idle_since END';

const useCounts = (count: number): string => `
  INSERT INTO targets (gun, sha256, uses, idle_since) VALUES ${tuples(count, '(?, ?, ?, ?)')}
  ON CONFLICT (gun, sha256) DO UPDATE SET uses = targets.uses + excluded.uses, idle_since = ${LATER}
  RETURNING sha256, uses`;

// A write, not a read: it holds the rows against `collect` until the commit is through.
const holdStored = (count: number): string => `
  UPDATE targets SET idle_since = CASE WHEN idle_since < ? THEN ? ELSE idle_since END
  WHERE gun = ? AND blob IS NOT NULL AND sha256 IN (${tuples(count, '?')})
  RETURNING sha256`;

const HASHES_AT_ONCE = 100;

/** Adds to the use counts of `gun`, inside the transaction of a commit. */
export async function countUses(
  session: Session,
  gun: Gun,
  change: ReadonlyMap<string, number>,
  now: Instant,
): Promise<void> {
  // In one order everywhere, so that two transactions never wait for each other.
  const entries = [...change].filter(([, uses]) => uses !== 0).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const slice of slices(entries, HASHES_AT_ONCE)) {
    const values = slice.flatMap(([sha256, uses]) => [gun, sha256, uses, now]);
    const rows = await session.query<{ readonly sha256: string; readonly uses: number }>(
      useCounts(slice.length),
      values,
    );
    const negative = rows.find((row) => row.uses < 0);
    if (negative !== undefined) {
      throw new CountersignError('internal', `target ${negative.sha256} would be named ${negative.uses} times`);
    }
  }
}

/** Which of `required` are not stored for `gun`, sorted; those that are stay until the transaction ends. */
export async function missingTargets(
  session: Session,
  gun: Gun,
  required: ReadonlySet<string>,
  now: Instant,
): Promise<readonly string[]> {
  const missing = new Set(required);
  for (const slice of slices([...required].sort(), HASHES_AT_ONCE)) {
    const rows = await session.query<{ readonly sha256: string }>(holdStored(slice.length), [now, now, gun, ...slice]);
    for (const row of rows) missing.delete(row.sha256);
  }
  return [...missing].sort();
}
