import type { Fetch, FetchResponse } from './fetch.js';
import { adviceOnOpaqueFailure } from './opaque-failure.js';
import { CountersignError } from '../tuf/errors.js';

/** How long a download may take. A server that drips bytes is stopped by both limits (slow retrieval, §1.5.2). */
export interface HttpLimits {
  /** Milliseconds without a byte. */
  readonly idle: number;
  /** Milliseconds in all, before what `minimumRate` adds. */
  readonly total: number;
  /** Bytes a second; the total grows by the size limit divided by this. */
  readonly minimumRate: number;
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = { idle: 30_000, total: 60_000, minimumRate: 16 * 1024 };

/** What timers can hold; a longer delay would fire at once. */
const MAX_TIMER = 2 ** 31 - 1;

/**
 * One GET under limits: `open`, then `chunks` or nothing, then `close` on every path. Aborting the connection is what ends an
 * endless answer, so the byte count and both timers act on the same abort signal.
 */
export class Transfer {
  readonly #url: string;
  readonly #maxBytes: number;
  readonly #idle: number;
  readonly #abort = new AbortController();
  readonly #total: ReturnType<typeof setTimeout>;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #late: string | undefined;
  readonly #caller: AbortSignal | undefined;
  readonly #onCallerAbort = (): void => this.#abort.abort();

  /** `signal`: the caller's, whose abort ends everything with the caller's own reason. */
  constructor(url: string, maxBytes: number, limits: HttpLimits, signal?: AbortSignal) {
    this.#url = url;
    this.#maxBytes = maxBytes;
    this.#idle = Math.min(limits.idle, MAX_TIMER);
    this.#caller = signal;
    signal?.throwIfAborted();
    signal?.addEventListener('abort', this.#onCallerAbort);
    const total = Math.min(limits.total + (maxBytes / limits.minimumRate) * 1000, MAX_TIMER);
    this.#total = setTimeout(() => this.#stop(`did not finish within ${Math.ceil(total / 1000)} s`), total);
    this.#wait();
  }

  /** The answer's head. @throws CountersignError `network`, `unavailable`, or what the injected fetch throws of ours */
  async open(fetch: Fetch, headers: Record<string, string> = {}): Promise<FetchResponse> {
    try {
      const response = await this.#orAborted(
        fetch(this.#url, { method: 'GET', headers, redirect: 'follow', signal: this.#abort.signal }),
      );
      this.#checkScheme(response);
      return response;
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /**
   * The body as it arrives, counted after content decoding (W0.5).
   * @throws CountersignError `endless-data` at the first byte beyond the limit; `network`, `unavailable`
   */
  async *chunks(response: FetchResponse): AsyncGenerator<Uint8Array, void, undefined> {
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    let received = 0;
    let ended = false;
    try {
      for (;;) {
        this.#wait();
        const { done, value } = await this.#read(reader);
        ended = done;
        if (done) return;
        if (value === undefined) continue;
        received += value.length;
        if (received > this.#maxBytes) throw this.#endless();
        clearTimeout(this.#pause); // a slow consumer is not the server's idleness
        yield value;
      }
    } finally {
      if (!ended) reader.cancel().catch(() => undefined);
    }
  }

  close(): void {
    this.#caller?.removeEventListener('abort', this.#onCallerAbort);
    clearTimeout(this.#total);
    clearTimeout(this.#pause);
    this.#abort.abort();
  }

  async #read(reader: ReturnType<NonNullable<FetchResponse['body']>['getReader']>): ReturnType<typeof reader.read> {
    try {
      return await this.#orAborted(reader.read());
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** An injected fetch may ignore the signal; waiting for it must end all the same. */
  #orAborted<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#abort;
    return new Promise<T>((resolve, reject) => {
      const onAbort = (): void => reject(new Error('aborted'));
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  #wait(): void {
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.#stop(`sent nothing for ${Math.ceil(this.#idle / 1000)} s`), this.#idle);
  }

  #stop(why: string): void {
    this.#late ??= why;
    this.#abort.abort();
  }

  #checkScheme(response: FetchResponse): void {
    if (response.url === '') return;
    const { protocol, host } = new URL(response.url);
    if (protocol === new URL(this.#url).protocol) return;
    throw new CountersignError('network', `${hostOf(this.#url)} redirects to ${protocol}//${host}, another scheme`, {
      next: 'Use the address it redirects to, if that is meant to be the server.',
    });
  }

  #endless(): CountersignError {
    return new CountersignError(
      'endless-data',
      `${hostOf(this.#url)} sends more than the ${this.#maxBytes} bytes allowed for ${fileOf(this.#url)}`,
      { detail: { limit: this.#maxBytes, host: hostOf(this.#url) } },
    );
  }

  #explain(error: unknown): CountersignError {
    this.#caller?.throwIfAborted();
    if (error instanceof CountersignError) return error;
    const host = hostOf(this.#url);
    if (this.#late !== undefined) {
      return new CountersignError('unavailable', `${host} ${this.#late} when asked for ${fileOf(this.#url)}`, {
        detail: { host },
        cause: error,
        next: 'Try again later.',
      });
    }
    return new CountersignError('network', `cannot fetch ${fileOf(this.#url)} from ${host}: ${reason(error)}`, {
      detail: { host },
      cause: error,
      next:
        adviceOnOpaqueFailure(this.#url, error) ?? "Check the server's address and this machine's network connection.",
    });
  }
}

export function hostOf(url: string): string {
  return new URL(url).host;
}

export function fileOf(url: string): string {
  return new URL(url).pathname.split('/').at(-1) ?? '';
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : 'the request failed';
}
