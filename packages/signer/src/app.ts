import type { IncomingMessage, RequestListener } from 'node:http';
import Koa from 'koa';
import { CountersignError, type Instant } from '@countersign/client/tuf';
import { clientOf, type AuditItem, type Client } from './audit.js';
import { readBody } from './body.js';
import { failureOf, ownError, statusOf } from './failures.js';
import type { Log } from './log.js';
import { ROUTES, type Answer, type Route } from './routes.js';
import type { SignerService } from './service.js';

export interface AppOptions {
  readonly service: SignerService;
  readonly log: Log;
  readonly clock: () => Instant;
  readonly bodyBytes: number;
  readonly items: number;
  /** Common names that are let in; empty lets in every client the CA vouches for. */
  readonly clients: readonly string[];
}

/** The signer's HTTP interface. It must stand behind a TLS server that verifies client certificates. */
export function createApp(options: AppOptions): RequestListener {
  const app = new Koa();
  app.on('error', (error: unknown) => options.log.warn({ err: error }, 'connection failed'));
  app.use(async (ctx) => {
    const audit: AuditItem[] = [];
    const client = clientOf(ctx.req);
    const answer = await respond(options, ctx.req, client, audit);
    ctx.status = answer.status;
    if (answer.body !== undefined) ctx.body = answer.body;
    options.log.info({ client, method: ctx.method, path: ctx.path, status: answer.status, items: audit }, 'request');
  });
  const callback = app.callback();
  return (request, response) => void callback(request, response);
}

async function respond(
  options: AppOptions,
  request: IncomingMessage,
  client: Client | undefined,
  audit: AuditItem[],
): Promise<Answer> {
  try {
    admit(client, options.clients);
    const { route, id } = find(request);
    const body = await readBody(request, options.bodyBytes);
    const note = (item: AuditItem): void => void audit.push(item);
    return await route.handle({
      service: options.service,
      id,
      body,
      now: options.clock(),
      mostItems: options.items,
      note,
    });
  } catch (cause) {
    const error = ownError(cause);
    const status = statusOf(error);
    if (status >= 500) options.log.error({ err: error }, 'request failed');
    if (audit.length === 0) audit.push({ outcome: error.code });
    return { status, body: failureOf(error) };
  }
}

function admit(client: Client | undefined, clients: readonly string[]): void {
  if (client !== undefined && (clients.length === 0 || clients.includes(client.name))) return;
  throw new CountersignError('unauthorized', 'this client certificate is not let in', {
    next: 'Add its common name to "tls.clients" in the signer.',
  });
}

function find({ method, url = '' }: IncomingMessage): { readonly route: Route; readonly id: string } {
  for (const route of ROUTES) {
    if (route.method !== method) continue;
    const match = route.path.exec(url);
    if (match !== null) return { route, id: match[1] ?? '' };
  }
  throw new CountersignError('not-found', 'the signer has no such operation');
}
