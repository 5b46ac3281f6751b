import { CountersignError, hasCode, type ErrorCode } from './tuf/errors.js';
import { readError } from './wire.js';

/** What this library sends with a request; a subset of the platform's `RequestInit`. */
export interface FetchInit {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  /** Required by the platform where `body` is a stream. */
  readonly duplex?: 'half';
  readonly redirect?: 'follow' | 'error';
  readonly signal?: AbortSignal;
}

/** What this library reads of an answer; a subset of the platform's `Response`. */
export interface FetchResponse {
  readonly status: number;
  /** The final URL; empty where the runtime does not say. */
  readonly url: string;
  readonly headers: { get(name: string): string | null };
  readonly body: { getReader(): BodyReader } | null;
}

export interface BodyReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(reason?: unknown): Promise<void>;
}

/** The part of the web platform's `fetch` this library uses: `globalThis.fetch` is one, a test's simulator another. */
export type Fetch = (url: string, init?: FetchInit) => Promise<FetchResponse>;

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

const MAX_ERROR_BODY = 16 * 1024;
/** What timers can hold; longer delays fire at once. */
const MAX_TIMER = 2 ** 31 - 1;

/** Bounded downloads. Every failure is a `CountersignError` that names the host. */
export class Http {
  readonly #fetch: Fetch;
  readonly #limits: HttpLimits;

  constructor(fetch: Fetch, limits: HttpLimits = DEFAULT_HTTP_LIMITS) {
    this.#fetch = fetch;
    this.#limits = limits;
  }

  /**
   * A whole metadata file of at most `maxBytes` decoded bytes, or undefined where the server has none (404, or 403 as object
   * stores answer: W2.2).
   * @throws CountersignError `endless-data`, `unavailable`, `unauthorized`, `network`
   */
  async fetchBytes(url: string, maxBytes: number): Promise<Uint8Array | undefined> {
    using download = new Download(url, maxBytes, this.#limits);
    const response = await download.start(this.#fetch);
    if (response.status === 404 || response.status === 403) {
      await download.discard(response);
      return undefined;
    }
    if (response.status !== 200) throw await refusal(download, response);
    if (/^text\/html\b/iu.test(response.headers.get('content-type') ?? '')) {
      await download.discard(response);
      throw webPage(url);
    }
    return join(await Array.fromAsync(download.chunks(response)));
  }

  /**
   * The chunks of a target file of `length` bytes. Stops with `endless-data` at the first byte too many; whether the bytes
   * are the right ones is for the caller to check.
   * @throws CountersignError `not-found`, and as `fetchBytes`
   */
  async *fetchTarget(url: string, length: number): AsyncGenerator<Uint8Array, void, undefined> {
    using download = new Download(url, length, this.#limits);
    const response = await download.start(this.#fetch);
    if (response.status !== 200) throw await refusal(download, response);
    yield* download.chunks(response);
  }
}
