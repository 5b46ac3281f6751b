import { CountersignError } from '@countersign/client/tuf';

/** Work after which others get a turn: about ten milliseconds. */
const TURN = 10_000;

/**
 * What checking one upload may cost. An upload within all size limits can still ask for hours of checking (targets times
 * patterns, roles times roles), and every other request waits while it is checked; so its work is counted beforehand,
 * bounded as a whole and done in turns. Counted, not timed: whether an upload is accepted does not depend on the machine.
 */
export class Work {
  readonly #limit: number;
  #spent = 0;
  #turn = 0;

  /** `limit` in units of about a microsecond. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Counts work that is about to be done, in units of about a microsecond. If it answers true, `pause` comes first.
   * @throws CountersignError `too-many`
   */
  spend(units: number): boolean {
    this.#spent += units;
    this.#turn += units;
    if (this.#spent > this.#limit) {
      throw new CountersignError('too-many', 'checking this upload is more work than this server does for one', {
        detail: { limit: this.#limit },
        next: 'Publish fewer roles at once, with fewer path patterns and signatures, or have policy.maxPublishWork raised.',
      });
    }
    return this.#turn >= TURN;
  }

  /** Lets everything else that is ready run. */
  async pause(): Promise<void> {
    this.#turn = 0;
    // A promise that is resolved already would not do: only the event loop's next round reads sockets and timers.
    await new Promise((resolve) => setImmediate(resolve));
  }
}
