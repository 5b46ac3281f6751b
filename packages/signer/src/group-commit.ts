import type { Advance, KeyStore } from './store.js';

interface Waiting {
  readonly step: Advance;
  readonly done: (taken: boolean) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Writes the state of many keys in one transaction: steps that arrive while one commit is on its way to the disk share the
 * next, so that signatures a second are not bound by commits a second. A key has at most one step waiting; the caller
 * serialises per key.
 */
export class GroupCommit {
  readonly #store: Pick<KeyStore, 'advance'>;
  #waiting: Waiting[] = [];
  #running = false;

  constructor(store: Pick<KeyStore, 'advance'>) {
    this.#store = store;
  }

  /** Resolves once the step is durable (true) or was refused because the stored state has moved (false). */
  advance(step: Advance): Promise<boolean> {
    return new Promise((done, failed) => {
      this.#waiting.push({ step, done, failed });
      if (this.#running) return;
      this.#running = true;
      // lets the requests read in this turn of the event loop join
      setImmediate(() => void this.#drain());
    });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      await this.#commit(group);
    }
    this.#running = false;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    try {
      const taken = await this.#store.advance(group.map(({ step }) => step));
      for (const { step, done } of group) done(taken.has(step.id));
    } catch (error) {
      for (const { failed } of group) failed(error);
    }
  }
}
