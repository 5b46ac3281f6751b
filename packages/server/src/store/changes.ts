import { CountersignError } from '@countersign/client/tuf';
import type { Change, ChangesAsked } from '../collection/ports.js';
import type { Engine, Outcome, Session, Value } from './engine.js';
import { asGun, asInstant } from './rows.js';

interface ChangeRow {
  readonly number: number;
  readonly gun: string;
  readonly version: number;
  readonly sha256: string;
  readonly category: Change['category'];
  readonly created_at: number;
}

/** Changes numbered by one transaction: nobody else's write is to wait long for it. */
const NUMBERED_AT_ONCE = 500;

export const ANY_UNNUMBERED = `SELECT id FROM changes WHERE number IS NULL LIMIT 1`;

// Takes the row, so that one process numbers at a time; the next statement sees all that was committed until then.
export const TAKE_NUMBERS = `UPDATE change_numbers SET last = last RETURNING last`;

const NUMBER = `
  UPDATE changes SET number = waiting.number
  FROM (
    SELECT id, CAST(? AS bigint) + row_number() OVER (ORDER BY id) AS number FROM changes
    WHERE number IS NULL ORDER BY id LIMIT ?
  ) AS waiting
  WHERE changes.id = waiting.id
  RETURNING changes.id`;

export const GIVE_NUMBERS = `UPDATE change_numbers SET last = ?`;

/** Answers whether there may be more. */
async function numberChanges(session: Session): Promise<Outcome<boolean>> {
  const [numbers] = await session.query<{ readonly last: number }>(TAKE_NUMBERS, []);
  if (numbers === undefined) throw new CountersignError('internal', 'the changefeed has lost its count');
  const numbered = await session.query(NUMBER, [numbers.last, NUMBERED_AT_ONCE]);
  await session.query(GIVE_NUMBERS, [numbers.last + numbered.length]);
  return { keep: numbered.length === NUMBERED_AT_ONCE };
}

/** The statement for one shape of question; the values follow in the same order. */
function statement({ gun, after, before }: ChangesAsked): string {
  const conditions = [
    'number IS NOT NULL',
    ...(gun === undefined ? [] : ['gun = ?']),
    ...(after === undefined ? [] : ['number > ?']),
    ...(before === undefined ? [] : ['number < ?']),
  ];
  const order = after === undefined ? 'DESC' : 'ASC';
  return `
    SELECT number, gun, version, sha256, category, created_at FROM changes
    WHERE ${conditions.join(' AND ')} ORDER BY number ${order} LIMIT ?`;
}

export async function readChanges(engine: Engine, asked: ChangesAsked): Promise<readonly Change[]> {
  let waiting = (await engine.read.query(ANY_UNNUMBERED, [])).length > 0;
  while (waiting) waiting = await engine.write(numberChanges);
  const { gun, after, before, limit } = asked;
  const values: Value[] = [gun, after, before, limit].filter((value) => value !== undefined);
  const changes = (await engine.read.query<ChangeRow>(statement(asked), values)).map(change);
  return after === undefined ? changes.reverse() : changes;
}

function change(row: ChangeRow): Change {
  return {
    id: row.number,
    gun: asGun(row.gun),
    version: row.version,
    sha256: row.sha256,
    category: row.category,
    createdAt: asInstant(row.created_at),
  };
}
