/** What this library sends with a request; a subset of the platform's `RequestInit`. */
export interface FetchInit {
  method?: string;
  headers?: Record<string, string>;
  body?: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  /** The platform demands it where `body` is a stream. */
  duplex?: 'half';
  redirect?: 'follow' | 'error';
  signal?: AbortSignal;
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
