import { CountersignError } from '@countersign/client/tuf';

/** How many bytes all the forms may take that are being received and published at the same time. */
export class Budget {
  readonly #limit: number;
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Runs `work` with a share of its own, which is given back however it ends. */
  async within(work: (share: Share) => Promise<void>): Promise<void> {
    const share = new Share((bytes) => this.#take(bytes));
    try {
      await work(share);
    } finally {
      share.release();
    }
  }

  #take(bytes: number): void {
    if (this.#taken + bytes > this.#limit) throw busy(this.#limit);
    this.#taken += bytes;
  }
}

/** What one form has taken so far. It is taken as it arrives: nobody reserves by announcing a length. */
export class Share {
  readonly #account: (bytes: number) => void;
  #taken = 0;

  constructor(account: (bytes: number) => void) {
    this.#account = account;
  }

  /** @throws CountersignError `unavailable` where all forms together would take too much; then nothing was taken */
  take(bytes: number): void {
    this.#account(bytes);
    this.#taken += bytes;
  }

  /** Gives everything back; more than once is once. */
  release(): void {
    this.#account(-this.#taken);
    this.#taken = 0;
  }
}

function busy(limit: number): CountersignError {
  return new CountersignError('unavailable', `the publishes under way take the ${limit} bytes there are for them`, {
    detail: { limit },
    next: 'Publish again in a few seconds.',
  });
}
