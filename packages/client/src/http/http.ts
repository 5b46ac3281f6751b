import type { Fetch, FetchResponse } from './fetch.js';
import { gather } from './gather.js';
import { printable } from './printable.js';
import { DEFAULT_HTTP_LIMITS, fileOf, hostOf, Transfer, type HttpLimits } from './transfer.js';
import { CountersignError, type ErrorCode } from '../tuf/errors.js';
import { limitsOf } from '../tuf/limits.js';
import { readError } from './wire.js';

/** What a caller may want of one request. */
export interface RequestOptions {
  /** Ends the request; it then fails with the signal's own reason. */
  readonly signal?: AbortSignal;
  /** Told of the answer's head, whatever its status. */
  readonly onHead?: (response: Pick<FetchResponse, 'status' | 'headers'>) => void;
  /** Told of the bytes received so far, after each chunk. */
  readonly onBytes?: (bytes: number) => void;
}

const MAX_ERROR_BODY = 16 * 1024;

/** Bounded downloads. Every failure is a `CountersignError` that names the host. */
export class Http {
  readonly #fetch: Fetch;
  readonly #limits: HttpLimits;

  /** @throws CountersignError `usage` for a limit that is no number above 0 */
  constructor(fetch: Fetch, limits: Partial<HttpLimits> = {}) {
    this.#fetch = fetch;
    this.#limits = limitsOf('http', DEFAULT_HTTP_LIMITS, limits);
  }

  /**
   * A whole metadata file of at most `maxBytes` decoded bytes, or undefined where the server has none (404, or 403 as object
   * stores answer: W2.2).
   * @throws CountersignError `endless-data`, `unavailable`, `unauthorized`, `network`
   */
  async fetchBytes(url: string, maxBytes: number, options: RequestOptions = {}): Promise<Uint8Array | undefined> {
    const transfer = new Transfer(url, maxBytes, this.#limits, options.signal);
    try {
      const response = await transfer.open(this.#fetch);
      options.onHead?.(response);
      if (response.status === 404 || response.status === 403) {
        await drain(transfer.chunks(response));
        // What the caller ended must not look like the answer that there is no such file.
        options.signal?.throwIfAborted();
        return undefined;
      }
      if (response.status !== 200) throw await this.#refusal(url, response, options.signal);
      if (/^text\/html\b/iu.test(response.headers.get('content-type') ?? '')) throw webPage(url);
      return await gather(counted(transfer.chunks(response), options.onBytes), maxBytes, declared(response));
    } finally {
      transfer.close();
    }
  }

  /**
   * The chunks of a target file of `length` bytes. Stops with `endless-data` at the first byte too many; whether the bytes
   * are the right ones is for the caller to check.
   * @throws CountersignError `not-found`, and as `fetchBytes`
   */
  async *fetchTarget(
    url: string,
    length: number,
    options: RequestOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const transfer = new Transfer(url, length, this.#limits, options.signal);
    try {
      const response = await transfer.open(this.#fetch);
      if (response.status !== 200) throw await this.#refusal(url, response, options.signal);
      yield* counted(transfer.chunks(response), options.onBytes);
    } finally {
      transfer.close();
    }
  }

  async #refusal(url: string, response: FetchResponse, signal: AbortSignal | undefined): Promise<CountersignError> {
    const told = readError(response.status, await this.#errorText(url, response, signal));
    signal?.throwIfAborted();
    const { status } = response;
    // A stranger may have written the body: the status decides the class, the body is only quoted.
    const code: ErrorCode =
      status === 404 || status === 403
        ? 'not-found'
        : status === 401
          ? 'unauthorized'
          : status === 429 || status >= 500
            ? 'unavailable'
            : 'network';
    return new CountersignError(code, `${hostOf(url)} refuses ${fileOf(url)} (${status}): ${quoted(told.message)}`, {
      detail: { host: hostOf(url), status },
      next: NEXT[code] ?? 'Check the address of the server.',
    });
  }

  async #errorText(url: string, response: FetchResponse, signal: AbortSignal | undefined): Promise<string> {
    const transfer = new Transfer(url, MAX_ERROR_BODY, this.#limits, signal);
    try {
      return new TextDecoder().decode(await gather(transfer.chunks(response), MAX_ERROR_BODY));
    } catch {
      return ''; // the status alone has to do
    } finally {
      transfer.close();
    }
  }
}

/** A body read to its end leaves the connection usable; a long one is not worth that. */
async function drain(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let bytes = 0;
  try {
    for await (const { length } of chunks) if ((bytes += length) > MAX_ERROR_BODY) return;
  } catch {
    // the status has said all
  }
}

/** How many bytes the server says there will be; only a guess at the room they need. */
function declared({ headers }: FetchResponse): number {
  const text = headers.get('content-length') ?? '';
  return /^\d{1,15}$/u.test(text) ? Number(text) : 0;
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  tell: ((bytes: number) => void) | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    tell?.(bytes);
    yield chunk;
  }
}

const NEXT: Partial<Record<ErrorCode, string>> = {
  unavailable: 'Try again later; if it stays so, tell whoever runs the server.',
  unauthorized: 'Log in, or ask whoever runs the server for access.',
  'not-found': 'Ask the publisher to upload the file.',
};

function webPage(url: string): CountersignError {
  return new CountersignError('network', `${hostOf(url)} answers with a web page, not with metadata`, {
    detail: { host: hostOf(url) },
    next: "Check the server's address, and whether this network asks you to log in first.",
  });
}

/** As much of what a server says as a message has room for, on one line. */
function quoted(text: string): string {
  return printable(text.slice(0, 300).replace(/\s+/gu, ' '));
}
