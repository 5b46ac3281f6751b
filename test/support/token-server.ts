import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mint, type Issuer, type Json } from './tokens.js';

export interface TokenServerOptions {
  readonly issuer: Issuer;
  /** Passwords, by user name. */
  readonly users: Readonly<Record<string, string>>;
  /** User names, by identity token. */
  readonly identityTokens?: Readonly<Record<string, string>>;
  /** Whether a user (undefined: anybody) may do an action to a repository. */
  readonly allows: (user: string | undefined, name: string, action: string) => boolean;
}

/** A token server as registries have one beside them: Basic authentication or OAuth2, one scope a request. */
export interface TokenServer {
  readonly realm: string;
  readonly config: Json;
  /** The query or form of every request, and who asked. */
  readonly asked: {
    readonly method: string;
    readonly user: string | undefined;
    readonly query: Readonly<Record<string, string>>;
  }[];
  /** Seconds; what it says and what it means. */
  lifetime: number;
  close(): Promise<void>;
}

const NAMES = { issuer: 'test issuer', service: 'test trust' } as const;

export async function startTokenServer(options: TokenServerOptions): Promise<TokenServer> {
  const asked: TokenServer['asked'] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '' } = request;
    const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
    const query = Object.fromEntries(method === 'POST' ? form : new URL(request.url ?? '/', 'http://x').searchParams);
    const name = options.identityTokens?.[query['refresh_token'] ?? ''];
    const known = { name, password: options.users[name ?? ''] };
    const user = method === 'POST' ? known : userOf(request.headers.authorization);
    asked.push({ method, user: user?.name, query });
    if (user !== undefined && (user.name === undefined || options.users[user.name] !== user.password)) {
      response.writeHead(401).end();
      return;
    }
    const access = accessOf(query['scope'] ?? '', (name, action) => options.allows(user?.name, name, action));
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: NAMES.issuer,
      aud: NAMES.service,
      sub: user?.name,
      exp: now + server.lifetime,
      nbf: now,
      access,
    };
    const member = method === 'POST' ? 'access_token' : 'token';
    const body = { [member]: mint(options.issuer, claims), expires_in: server.lifetime };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const http = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const realm = `http://127.0.0.1:${(http.address() as AddressInfo).port}/token`;
  const server: TokenServer = {
    realm,
    config: { type: 'token', realm, ...NAMES },
    asked,
    lifetime: 300,
    close: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  return server;
}

function userOf(header: string | undefined): { name: string; password: string } | undefined {
  if (header?.startsWith('Basic ') !== true) return undefined;
  const [name = '', ...rest] = Buffer.from(header.slice(6), 'base64').toString().split(':');
  return { name, password: rest.join(':') };
}

/** `repository:host:port/name:pull,push` has colons in the middle. */
function accessOf(scope: string, allows: (name: string, action: string) => boolean): Json[] {
  const [type = '', ...rest] = scope.split(':');
  const actions = (rest.pop() ?? '').split(',');
  const name = rest.join(':');
  return [{ type, name, actions: actions.filter((action) => allows(name, action)) }];
}
