import { bearerChallenge, type BearerChallenge } from './bearer-challenge.js';
import type { Fetch, FetchInit, FetchResponse } from './fetch.js';
import { isPrivate, isToken, loginName, requestToken, type Credentials } from './token-exchange.js';
import { hostOf } from './transfer.js';
import { baseUrl } from './urls.js';
import { CountersignError } from '../tuf/errors.js';
import type { Gun } from '../tuf/names.js';

export interface AuthenticationOptions {
  /** Base URL of the trust server. Tokens go nowhere else. */
  readonly server: string;
  readonly gun: Gun;
  /** A bearer token to send as it is; no other is asked for then. */
  readonly token?: string;
  /** The login for the token server, asked for when it is needed, and once where that succeeds; undefined: nobody in particular. */
  readonly credentials?: () => Promise<Credentials | undefined>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** What a person does who is not let in, one sentence. */
  readonly login: string;
}

/**
 * A `fetch` for one collection that brings tokens where the server wants them, as clients of Docker's registries do: on a
 * 401 with a Bearer challenge it asks the token server the challenge names, keeps the token for that scope until it
 * expires, and asks once more.
 *
 * A body that is a stream can be sent once only: where such a request is the first of all it fails, and works when repeated.
 * @throws CountersignError `usage` where `server` is not an http(s) URL; from the `fetch`, `unauthorized` where it is not let in
 */
export function authenticated(fetch: Fetch, options: AuthenticationOptions): Fetch {
  const session = new TokenSession(fetch, options);
  return (url, init = {}) => session.send(url, init);
}

interface Held {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly until: number;
  readonly username: string | undefined;
}

/** A token, asked for once by all requests of the same moment. */
interface Entry {
  readonly asked: Promise<Held>;
  /** Once it is there. */
  held: Held | undefined;
}

/** Seconds before its end that a token is no longer used. */
const MARGIN = 5;

class TokenSession {
  readonly #fetch: Fetch;
  readonly #options: AuthenticationOptions;
  /** By scope, of which there are three. */
  readonly #entries = new Map<string, Entry>();
  #challenge: BearerChallenge | undefined;
  #credentials: Promise<Credentials | undefined> | undefined;

  constructor(fetch: Fetch, options: AuthenticationOptions) {
    this.#fetch = fetch;
    // In the form URLs are made in, with the slash at its end: else `https://h` would be the beginning of `https://h.evil.net/`.
    this.#options = { ...options, server: baseUrl(options.server) };
  }

  async send(url: string, init: FetchInit): Promise<FetchResponse> {
    if (!url.startsWith(this.#options.server)) return this.#fetch(url, init);
    const scope = `repository:${this.#options.gun}:${actions(url, init)}`;
    const first = await this.#token(scope);
    const response = await this.#fetch(url, bearing(first, init));
    const challenge = this.#challengeOf(response);
    if (challenge === undefined) return response;
    await discard(response);
    this.#challenge = challenge;
    this.#forget(scope, first);
    if (this.#options.token !== undefined) throw this.#refused(scope, challenge, first);
    if (init.body instanceof ReadableStream) throw this.#again();
    const second = await this.#token(scope);
    const answer = await this.#fetch(url, bearing(second, init));
    const still = this.#challengeOf(answer);
    if (still === undefined) return answer;
    await discard(answer);
    this.#forget(scope, second);
    throw this.#refused(scope, still, second);
  }

  /** Of the server itself: where a redirect has led to, nobody is believed about who gives out tokens, and gets a login. */
  #challengeOf({ status, url, headers }: FetchResponse): BearerChallenge | undefined {
    const elsewhere = url !== '' && !url.startsWith(this.#options.server);
    return status === 401 && !elsewhere ? bearerChallenge(headers.get('www-authenticate')) : undefined;
  }

  /** A token for `scope`: one held, or a new one where it is known who gives them out; undefined where it is not. */
  async #token(scope: string): Promise<Held | undefined> {
    const { token, now } = this.#options;
    if (token !== undefined) return { token: this.#checked(token), until: Infinity, username: undefined };
    const held = await this.#entries.get(scope)?.asked;
    if (held !== undefined && held.until > now()) return held;
    this.#forget(scope, held);
    if (this.#challenge === undefined) return undefined;
    return (this.#entries.get(scope) ?? this.#enter(scope, this.#challenge)).asked;
  }

  #enter(scope: string, challenge: BearerChallenge): Entry {
    const entry: Entry = { asked: this.#ask(scope, challenge), held: undefined };
    this.#entries.set(scope, entry);
    entry.asked.then(
      (held) => (entry.held = held),
      // A failure is told to those who wait for it, and to nobody later.
      () => this.#entries.delete(scope),
    );
    return entry;
  }

  async #ask(scope: string, challenge: BearerChallenge): Promise<Held> {
    const { server, login, now } = this.#options;
    if (!isPrivate(server)) throw inTheClear(server);
    const credentials = await this.#login();
    const asked = now();
    const { token, lifetime } = await requestToken(this.#fetch, { challenge, scope, server, credentials, next: login });
    const username = credentials === undefined ? undefined : loginName(credentials);
    return { token, until: asked + (lifetime - MARGIN) * 1000, username };
  }

  #login(): Promise<Credentials | undefined> {
    const asked = (this.#credentials ??= this.#options.credentials?.() ?? Promise.resolve(undefined));
    asked.catch(() => {
      if (this.#credentials === asked) this.#credentials = undefined;
    });
    return asked;
  }

  #forget(scope: string, held: Held | undefined): void {
    // Another request may have replaced it meanwhile.
    if (held !== undefined && this.#entries.get(scope)?.held === held) this.#entries.delete(scope);
  }

  #checked(token: string): string {
    const { server } = this.#options;
    if (!isToken(token)) {
      throw new CountersignError('usage', 'the token given holds what no token can hold', {
        next: 'Give the token alone, without white space or "Bearer".',
      });
    }
    if (!isPrivate(server)) throw inTheClear(server);
    return token;
  }

  #refused(scope: string, { error }: BearerChallenge, held: Held | undefined): CountersignError {
    const { server, login, gun } = this.#options;
    const wanted = scope.slice(scope.lastIndexOf(':') + 1);
    const what = wanted === '*' ? 'everything' : wanted.replace(',', ' and ');
    const who = held?.username ?? (this.#options.token === undefined ? undefined : 'the token given');
    const invalid = error === 'invalid_token';
    return new CountersignError(
      'unauthorized',
      invalid
        ? `${hostOf(server)} does not accept the token`
        : `${hostOf(server)} does not allow ${who ?? 'just anybody'} to ${what} ${gun}`,
      {
        detail: { host: hostOf(server), scope },
        next: who === undefined || invalid ? login : `Ask whoever runs the server for access. ${login}`,
      },
    );
  }

  #again(): CountersignError {
    return new CountersignError('unauthorized', `${hostOf(this.#options.server)} wants a token first`, {
      next: 'Try again; nothing is lost.',
    });
  }
}

/** What a request needs, as the server's routes have it; what the challenge asks for may be more. */
function actions(url: string, { method = 'GET' }: FetchInit): string {
  const key = new URL(url).pathname.endsWith('.key');
  if (method === 'DELETE' || (key && method === 'POST')) return '*';
  return key || (method !== 'GET' && method !== 'HEAD') ? 'push,pull' : 'pull';
}

function bearing(held: Held | undefined, init: FetchInit): FetchInit {
  return held === undefined ? init : { ...init, headers: { ...init.headers, authorization: `Bearer ${held.token}` } };
}

async function discard(response: FetchResponse): Promise<void> {
  await response.body?.getReader().cancel();
}

function inTheClear(server: string): CountersignError {
  return new CountersignError('unauthorized', `a token would go to ${hostOf(server)} in the clear`, {
    next: 'Use its https:// address.',
  });
}
