/** What a column holds or a placeholder takes. Moments, versions and ids are numbers on both engines. */
export type Value = string | number | Uint8Array | null;

/** Where statements run. SQL is written once for both engines, with `?` for each value and none in a literal. */
export interface Session {
  /** The rows of a SELECT or of a RETURNING clause; `Row` is what the statement's columns are named and hold. */
  query<Row extends object>(sql: string, values: readonly Value[]): Promise<readonly Row[]>;
}

/** What a transaction came to: its writes are kept, or undone as if it had never run. */
export type Outcome<T> = { readonly keep: T } | { readonly undo: T };

/**
 * One database. All methods reject with a `CountersignError` (`errors.ts`) and may be called any number at once.
 */
export interface Engine {
  /** Statements outside a transaction: each sees everything committed before it began, by any process. */
  readonly read: Session;
  /**
   * Runs `work` in a transaction that is durable when the promise resolves. `work` awaits nothing but its session, and may
   * be run again from the start when it failed for a reason that is not its own. If it rejects, nothing is written; if the
   * commit itself fails, the outcome is unknown.
   */
  write<T>(work: (session: Session) => Promise<Outcome<T>>): Promise<T>;
  close(): Promise<void>;
}

/** `(?,?),(?,?)…`: `rows` tuples of `row`, for multi-row statements. */
export function tuples(rows: number, row: string): string {
  return Array<string>(rows).fill(row).join(',');
}

/** Slices of at most `size`: a statement has a limited number of values, and each length of list is one more statement to prepare. */
export function* slices<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < list.length; start += size) yield list.slice(start, start + size);
}
