import { setTimeout as delay } from 'node:timers/promises';
import type { SqliteConnection } from './connect.js';
import type { Outcome, Session } from './engine.js';
import { errorCode, storeError } from './errors.js';

/** Transactions that share one commit at most; a bound on how long the event loop is held. */
const LARGEST_GROUP = 64;

/** Waits between attempts while another process writes, in milliseconds: five seconds in all, then `unavailable`. */
const BUSY_WAITS = [1, 1, 2, 2, 5, 5, 10, 10, 20, 20, ...Array<number>(100).fill(50)];

interface Job {
  /** Runs the work; answers what to tell its caller once the commit is durable. */
  run(): Promise<{ readonly kept: boolean; readonly tell: () => void }>;
  fail(error: unknown): void;
}

/**
 * Writes to one SQLite database: transactions that are queued at the same moment share one commit, and so one fsync, each
 * inside its own savepoint. Nobody is answered before the shared commit is durable; what fails, fails alone.
 *
 * A group runs from BEGIN to COMMIT without a turn of the event loop, since better-sqlite3 answers at once.
 */
export class GroupCommit {
  readonly #connection: SqliteConnection;
  readonly #session: Session;
  readonly #queue: Job[] = [];
  #draining: Promise<void> | undefined;

  constructor(connection: SqliteConnection, session: Session) {
    this.#connection = connection;
    this.#session = session;
  }

  write<T>(work: (session: Session) => Promise<Outcome<T>>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#queue.push({
        run: async () => {
          const outcome = await work(this.#session);
          return 'keep' in outcome
            ? { kept: true, tell: () => resolve(outcome.keep) }
            : { kept: false, tell: () => resolve(outcome.undo) };
        },
        fail: (error) => reject(storeError(error)),
      });
      this.#draining ??= this.#drain();
    });
  }

  /** Resolves when everything queued so far has been answered. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      await nextTurn(); // whoever writes in this turn joins, and reads get theirs
      const jobs = this.#queue.splice(0, LARGEST_GROUP);
      if ((await this.#commit(jobs)) === 'apart') for (const job of jobs) await this.#commit([job]);
    }
    this.#draining = undefined;
  }

  /** Answers every job, or none and `apart`: nothing was written, and each must be tried alone to see whose fault it was. */
  async #commit(jobs: readonly Job[]): Promise<'answered' | 'apart'> {
    const answers: (() => void)[] = [];
    try {
      await this.#begin();
    } catch (error) {
      for (const job of jobs) job.fail(error);
      return 'answered';
    }
    try {
      for (const job of jobs) answers.push(await this.#attempt(job));
    } catch (error) {
      return this.#give(jobs, error);
    }
    try {
      this.#run('COMMIT');
    } catch (error) {
      // After any other failure of COMMIT the outcome is unknown, and trying again could report a swap lost that was won.
      if (errorCode(error) === 'SQLITE_FULL') return this.#give(jobs, error);
      this.#rollback();
      for (const job of jobs) job.fail(error);
      return 'answered';
    }
    for (const answer of answers) answer();
    return 'answered';
  }

  #give(jobs: readonly Job[], error: unknown): 'answered' | 'apart' {
    this.#rollback();
    if (jobs.length > 1) return 'apart';
    for (const job of jobs) job.fail(error);
    return 'answered';
  }

  /** Runs one job inside a savepoint. Throws only if SQLite has given up the whole transaction. */
  async #attempt(job: Job): Promise<() => void> {
    this.#run('SAVEPOINT job');
    let result: Awaited<ReturnType<Job['run']>>;
    try {
      result = await job.run();
    } catch (error) {
      // On a full disk or an I/O error SQLite may have rolled back everything, the other jobs included.
      if (!this.#connection.inTransaction) throw error;
      result = { kept: false, tell: () => job.fail(error) };
    }
    if (!result.kept) this.#run('ROLLBACK TO job');
    this.#run('RELEASE job');
    return result.tell;
  }

  async #begin(): Promise<void> {
    for (const wait of BUSY_WAITS) {
      try {
        this.#run('BEGIN IMMEDIATE');
        return;
      } catch (error) {
        if (errorCode(error)?.startsWith('SQLITE_BUSY') !== true) throw error;
      }
      await delay(wait);
    }
    this.#run('BEGIN IMMEDIATE');
  }

  #rollback(): void {
    if (this.#connection.inTransaction) this.#run('ROLLBACK');
  }

  readonly #control = new Map<string, { run(): unknown }>();

  #run(sql: string): void {
    let statement = this.#control.get(sql);
    if (statement === undefined) {
      statement = this.#connection.prepare(sql);
      this.#control.set(sql, statement);
    }
    statement.run();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
