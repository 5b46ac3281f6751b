import type { BearerChallenge } from './bearer-challenge.js';
import type { Fetch, FetchInit, FetchResponse } from './fetch.js';
import { gather } from './gather.js';
import { isLoopback } from './loopback.js';
import { Transfer } from './transfer.js';
import { base64Encode, utf8Encode } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';

/** A user name and its password or access token. */
export interface PasswordLogin {
  readonly username: string;
  readonly password: string;
}

/** What a token server gave for a login, to be shown in its place: OAuth2's refresh token. */
export interface IdentityToken {
  readonly identityToken: string;
}

export type Credentials = PasswordLogin | IdentityToken;

/** Who logs in, for messages. */
export function loginName(credentials: Credentials): string {
  return 'username' in credentials ? credentials.username : 'the identity token';
}

/** A token, and for how many seconds it lasts. */
export interface IssuedToken {
  readonly token: string;
  readonly lifetime: number;
}

export interface TokenRequest {
  readonly challenge: BearerChallenge;
  /** `repository:<name>:<actions>`. */
  readonly scope: string;
  /** Base URL of the server that sent the challenge. */
  readonly server: string;
  readonly credentials: Credentials | undefined;
  /** What to do about a refusal, one sentence. */
  readonly next: string;
}

const MAX_ANSWER = 64 * 1024;
const MAX_TOKEN = 12 * 1024;
/** Seconds a token lasts whose server does not say. */
const LIFETIME = 60;
/** Who asks, in the words of OAuth2; token servers know no clients. */
const CLIENT_ID = 'countersign';
const MAX_LIFETIME = 86_400;
const LIMITS = { idle: 30_000, total: 30_000, minimumRate: 16 * 1024 };

/**
 * Asks the token server that a challenge names for a token, with Basic authentication where there is a user name, by OAuth2
 * where there is an identity token (distribution's token and OAuth2 specifications). They go to an address over TLS, or from a
 * server on loopback to one there; never along a redirect.
 * @throws CountersignError `unauthorized` where the token server refuses, or is one that must not be asked; `network`,
 * `unavailable`
 */
export async function requestToken(fetch: Fetch, request: TokenRequest): Promise<IssuedToken> {
  const url = tokenUrl(request);
  const asking = askingBy(url, request);
  const transfer = new Transfer(url.href, MAX_ANSWER, LIMITS);
  try {
    const response = await transfer.open(async (address, init) =>
      fetch(address, { ...init, ...asking, redirect: 'error' }),
    );
    if (response.status !== 200) throw refusal(url, response, request);
    return readToken(await gather(transfer.chunks(response), MAX_ANSWER), url);
  } finally {
    transfer.close();
  }
}

/** What is sent beside the address, which what is not secret of the request becomes part of. */
function askingBy(url: URL, { challenge, scope, credentials }: TokenRequest): FetchInit {
  if (credentials !== undefined && 'identityToken' in credentials) {
    const { service = '' } = challenge;
    const grant = { grant_type: 'refresh_token', refresh_token: credentials.identityToken };
    const form = new URLSearchParams({ ...grant, service, scope, client_id: CLIENT_ID });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', headers, body: utf8Encode(form.toString()).slice() };
  }
  if (credentials !== undefined) url.searchParams.set('account', credentials.username);
  if (challenge.service !== undefined) url.searchParams.set('service', challenge.service);
  url.searchParams.set('scope', scope);
  return credentials === undefined ? {} : { headers: { authorization: basic(credentials) } };
}

/** Whether what is secret may go to `url`: over TLS, or no further than this machine. */
export function isPrivate(url: string | URL): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

function tokenUrl({ challenge: { realm }, server }: TokenRequest): URL {
  const refuse = (why: string): never => {
    throw new CountersignError(
      'unauthorized',
      `${new URL(server).host} asks for a token from ${JSON.stringify(realm.slice(0, 200))}, ${why}`,
      { next: 'Tell whoever runs the server: its token server needs an https:// address.' },
    );
  };
  if (!URL.canParse(realm)) return refuse('which is no address');
  const url = new URL(realm);
  if (!isPrivate(url)) return refuse('to which nothing secret is sent');
  if (url.protocol === 'http:' && !isLoopback(new URL(server).hostname)) return refuse('which is on this machine');
  if (url.username !== '' || url.password !== '') return refuse('which holds a user name');
  url.hash = '';
  return url;
}

function basic({ username, password }: PasswordLogin): string {
  return `Basic ${base64Encode(utf8Encode(`${username}:${password}`))}`;
}

function refusal(url: URL, { status }: FetchResponse, { credentials, next }: TokenRequest): CountersignError {
  const detail = { host: url.host, status };
  if (status === 401 || status === 403 || status === 400) {
    const whom =
      credentials === undefined
        ? 'gives nobody a token without a login'
        : `refuses the login of ${loginName(credentials)}`;
    return new CountersignError('unauthorized', `${url.host} ${whom}`, { detail, next });
  }
  if ((status === 404 || status === 405) && credentials !== undefined && 'identityToken' in credentials) {
    return new CountersignError('unauthorized', `${url.host} takes no identity tokens`, {
      detail,
      next: 'Log in with a user name and an access token, or set COUNTERSIGN_TOKEN.',
    });
  }
  return new CountersignError(
    status === 429 || status >= 500 ? 'unavailable' : 'network',
    `${url.host} gives no token: it answers ${status}`,
    { detail, next: 'Try again later; if it stays so, tell whoever runs the server.' },
  );
}

/** No part of the answer is ever quoted: it may hold the token. */
function readToken(bytes: Uint8Array, url: URL): IssuedToken {
  let answer: Readonly<Record<string, unknown>> | null = null;
  try {
    answer = JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, unknown>> | null;
  } catch {
    // told below
  }
  const token = answer?.['token'] ?? answer?.['access_token'];
  if (typeof token !== 'string' || token.length > MAX_TOKEN || !isToken(token)) {
    throw new CountersignError('network', `${url.host} answers with something else than a token`, {
      detail: { host: url.host },
      next: "Check the server's address, and whether this network asks you to log in first.",
    });
  }
  const seconds = answer?.['expires_in'];
  const lifetime = typeof seconds === 'number' && seconds > 0 ? Math.min(seconds, MAX_LIFETIME) : LIFETIME;
  return { token, lifetime };
}

/** RFC 6750 §2.1: what may stand in a header. */
export function isToken(text: string): boolean {
  return /^[\w.~+/-]+=*$/u.test(text);
}
