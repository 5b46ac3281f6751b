import { CountersignError } from '@countersign/client/tuf';
import type { ChangefeedCopies, CopiedChange } from '../collection/changefeed-copies.js';
import { ANY_UNNUMBERED, GIVE_NUMBERS, TAKE_NUMBERS } from './changes.js';
import { slices, tuples, type Engine, type Outcome, type Session, type Value } from './engine.js';

const COPIED = 'SELECT last, keeps FROM copied_changefeeds WHERE feed = ?';

const NOTE_COPIED = `
  INSERT INTO copied_changefeeds (feed, last, keeps) VALUES (?, ?, ?)
  ON CONFLICT (feed) DO UPDATE SET last = excluded.last, keeps = excluded.keeps`;

const copiedLines = (count: number): string => `
  INSERT INTO changes (gun, version, sha256, category, created_at, number)
  VALUES ${tuples(count, '(?, ?, ?, ?, ?, CAST(? AS bigint))')}`;

/** Lines written by one statement. */
const LINES_AT_ONCE = 100;

interface Copied {
  readonly last: number;
  readonly keeps: number;
}

export function changefeedCopiesIn(engine: Engine): ChangefeedCopies {
  return {
    async upTo(feed) {
      const [copied] = await engine.read.query<Copied>(COPIED, [feed]);
      return copied?.last ?? 0;
    },
    add: (feed, changes) => engine.write((session) => addCopies(session, feed, changes)),
  };
}

async function addCopies(session: Session, feed: string, changes: readonly CopiedChange[]): Promise<Outcome<void>> {
  // Takes the row: nobody else gives numbers, or copies, meanwhile.
  const [numbers] = await session.query<{ readonly last: number }>(TAKE_NUMBERS, []);
  if (numbers === undefined) throw new CountersignError('internal', 'the changefeed has lost its count');
  const [copied] = await session.query<Copied>(COPIED, [feed]);
  const added = changes.filter(({ id }) => id > (copied?.last ?? 0));
  const last = added.at(-1)?.id;
  if (last === undefined) return { keep: undefined };
  const isNext = copied === undefined ? numbers.last === 0 : copied.keeps === 1 && copied.last === numbers.last;
  const keeps = isNext && (await session.query(ANY_UNNUMBERED, [])).length === 0;
  for (const lines of slices(added, LINES_AT_ONCE)) {
    const values = lines.flatMap(({ gun, version, sha256, category, createdAt, id }): Value[] => [
      gun,
      version,
      sha256,
      category,
      createdAt,
      keeps ? id : null,
    ]);
    await session.query(copiedLines(lines.length), values);
  }
  if (keeps) await session.query(GIVE_NUMBERS, [last]);
  await session.query(NOTE_COPIED, [feed, last, keeps ? 1 : 0]);
  return { keep: undefined };
}
