import { SharedWork } from './shared-work.js';
import type { TrustedState } from './state.js';

export interface CurrentStateSettings<C> {
  readonly refresh: (call: C, signal: AbortSignal) => Promise<TrustedState>;
  /** An earlier state as it may be gone on with at this moment, after a refresh that failed; undefined where it may not. */
  readonly kept: (state: TrustedState) => Promise<TrustedState | undefined>;
  /** How to refresh where nobody has asked for it. */
  readonly unasked: C;
}

/** The state that is read from: of the last refresh that succeeded, as far as one that failed since leaves it. */
export class CurrentState<C> {
  readonly #settings: CurrentStateSettings<C>;
  #started = 0;
  /** The last one started, as long as it goes on. */
  #underWay: SharedWork<TrustedState> | undefined;
  #last: { readonly state: TrustedState; readonly started: number } | undefined;
  /** Which was the last to fail; 0 where none has. */
  #failed = 0;

  constructor(settings: CurrentStateSettings<C>) {
    this.#settings = settings;
  }

  /** @throws what the refresh throws, and the reason of `signal` */
  async refresh(call: C, signal: AbortSignal | undefined): Promise<TrustedState> {
    signal?.throwIfAborted();
    return this.#start(call).join(signal);
  }

  /** That of the refresh under way, else the last one, else a first one. @throws as `refresh`, where there is no state at all */
  async get(signal: AbortSignal | undefined): Promise<TrustedState> {
    signal?.throwIfAborted();
    const kept = this.#shared() === undefined ? await this.#kept() : undefined;
    if (kept !== undefined) return kept;
    try {
      return await (this.#shared() ?? this.#start(this.#settings.unasked)).join(signal);
    } catch (error) {
      signal?.throwIfAborted();
      const left = await this.#kept();
      if (left === undefined) throw error;
      return left;
    }
  }

  #shared(): SharedWork<TrustedState> | undefined {
    return this.#underWay?.isEnding === true ? undefined : this.#underWay;
  }

  async #kept(): Promise<TrustedState | undefined> {
    if (this.#last === undefined || this.#failed < this.#last.started) return this.#last?.state;
    return this.#settings.kept(this.#last.state);
  }

  #start(call: C): SharedWork<TrustedState> {
    const started = (this.#started += 1);
    const work = new SharedWork((signal) => this.#noted(started, this.#settings.refresh(call, signal)));
    this.#underWay = work;
    return work;
  }

  /** Of refreshes that overlap, the one that began last counts. */
  async #noted(started: number, refreshing: Promise<TrustedState>): Promise<TrustedState> {
    try {
      const state = await refreshing;
      if (started > (this.#last?.started ?? 0)) this.#last = { state, started };
      return state;
    } catch (error) {
      this.#failed = Math.max(this.#failed, started);
      throw error;
    } finally {
      if (started === this.#started) this.#underWay = undefined;
    }
  }
}
