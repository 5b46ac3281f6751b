import type { Fetch, FetchInit, FetchResponse } from '../http/fetch.js';
import { hostOf } from '../http/transfer.js';
import { CountersignError } from '../tuf/errors.js';
import { errorCode } from './atomic-file.js';
import { bodyOf } from './http-body.js';
import { HttpClients, type HttpClientsOptions } from './http-clients.js';
import { exchange, type Answered, type Exchange } from './http-exchange.js';

/*
 * The part of `fetch` that `fetch.ts` describes, over Node's own HTTP client. Own code because of the time a short process
 * takes: loading the package undici costs 60 ms and the first request over the platform's `fetch` 40 ms, this 8 ms.
 */

export interface HttpFetchOptions extends HttpClientsOptions {
  /** Milliseconds to connect, TLS included. */
  readonly connectTimeout: number;
}

const MAX_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Bytes; the body of a redirect that is read to keep its connection. */
const SMALL = 16 * 1024;
/** Whoever repeats these changes nothing. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD']);
const LOST: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

/** Requests over connections of its own. Failures are those of Node's HTTP client, or the abort signal's reason. */
export class HttpFetch {
  readonly #clients: HttpClients;
  readonly #connectTimeout: number;

  constructor({ connectTimeout, ...options }: HttpFetchOptions) {
    this.#clients = new HttpClients(options);
    this.#connectTimeout = connectTimeout;
  }

  readonly fetch: Fetch = async (url, init = {}) => {
    let asked: FetchInit = init;
    let at = new URL(url);
    for (let redirects = 0; ; redirects += 1) {
      const answered = await this.#ask(at, asked);
      const location = redirection(answered);
      if (location === undefined) return responseOf(at, answered);
      discard(answered);
      const to = new URL(location, at);
      checkRedirect(at, to, asked, redirects);
      if (to.origin !== at.origin) asked = { ...asked, headers: withoutLogin(asked.headers) };
      at = to;
    }
  };

  close(): void {
    this.#clients.close();
  }

  /** A server may close an idle connection just when it is used again: what can be repeated is, over another one. */
  async #ask(url: URL, init: FetchInit): Promise<Answered> {
    const client = await this.#clients.of(url.protocol);
    for (;;) {
      const asked = exchange(url, init, { client, connectTimeout: this.#connectTimeout });
      try {
        return await asked.answered;
      } catch (error) {
        if (!mayRepeat(asked, init, error)) throw error;
      }
    }
  }
}

/** Ends, since each try takes a used connection away and a new one is not tried twice. */
function mayRepeat({ request }: Exchange, { method = 'GET', body, signal }: FetchInit, error: unknown): boolean {
  if (!request.reusedSocket || body !== undefined || !SAFE.has(method) || signal?.aborted === true) return false;
  return LOST.has(errorCode(error) ?? '');
}

function redirection({ response }: Answered): string | undefined {
  return REDIRECTS.has(response.statusCode ?? 0) ? response.headers.location : undefined;
}

function checkRedirect(from: URL, to: URL, { redirect, method = 'GET' }: FetchInit, followed: number): void {
  const isDowngrade = to.protocol !== 'https:' && to.protocol !== from.protocol;
  const why =
    redirect === 'error' || !SAFE.has(method)
      ? 'elsewhere'
      : isDowngrade
        ? `to ${to.protocol}//${to.host}, another scheme`
        : followed === MAX_REDIRECTS
          ? 'again and again'
          : undefined;
  if (why === undefined) return;
  throw new CountersignError('network', `${from.host} redirects ${why}`, {
    detail: { host: from.host },
    next: 'Use the address it redirects to, if that is meant to be the server.',
  });
}

function withoutLogin(headers: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'));
}

function discard({ response }: Answered): void {
  if (Number(response.headers['content-length'] ?? Infinity) <= SMALL) response.resume();
  else response.destroy();
}

function responseOf(url: URL, { response, hasBody }: Answered): FetchResponse {
  if (!hasBody) response.resume(); // unread, it would keep its connection
  return {
    status: response.statusCode ?? 0,
    url: url.href,
    headers: {
      get(name) {
        const value = response.headers[name.toLowerCase()];
        return Array.isArray(value) ? value.join(', ') : (value ?? null);
      },
    },
    body: hasBody ? bodyOf(response, hostOf(url.href)) : null,
  };
}
