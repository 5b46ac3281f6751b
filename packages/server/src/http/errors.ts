import { notaryRefusal } from '@countersign/client/notary-wire';
import { errorBody, statusOf } from '@countersign/client/wire';
import { CountersignError, type FormatName } from '@countersign/client/tuf';
import type { Context } from 'koa';
import { Unauthorized } from '../auth/authorizer.js';
import type { Log } from '../log.js';
import { ForeignRequest } from './access.js';
import { unauthorizedBody } from './unauthorized.js';

/** How long a client should wait before it asks again, in seconds, where waiting helps. */
const RETRY_AFTER: Readonly<Record<number, string>> = { 429: '60', 503: '5' };

/** A refusal whose status is HTTP's own business: the name exists, the method does not. */
export class MethodNotAllowed extends CountersignError {
  readonly allow: readonly string[];

  constructor(method: string, allow: readonly string[]) {
    super('unsupported', `${method} is not offered here`, { next: `Use ${allow.join(' or ')}.` });
    this.allow = allow;
  }
}

/** Whose client asks, as far as it is known. */
export type Wire = FormatName | 'unknown';

/**
 * Answers with `error` in the form the client reads; who is unknown is answered in both. A fault of ours tells the client
 * nothing but that; its cause goes to the log.
 */
export function refuse(context: Context, error: unknown, wire: Wire, log: Log): void {
  const known = error instanceof CountersignError && error.code !== 'internal' ? error : internal(error);
  const { status, body } = answerFor(context, known, wire);
  if (known instanceof MethodNotAllowed) context.set('Allow', known.allow.join(', '));
  context.status = status;
  context.set('Content-Type', 'application/json');
  context.set('Cache-Control', 'no-store');
  context.remove('ETag');
  const retryAfter = RETRY_AFTER[status];
  if (retryAfter !== undefined) context.set('Retry-After', retryAfter);
  if (known instanceof Unauthorized) {
    context.set('WWW-Authenticate', known.challenge);
    context.append('Access-Control-Expose-Headers', 'WWW-Authenticate');
  }
  context.body = Buffer.from(JSON.stringify(body));
  report(context, known, error, log);
}

function answerFor(
  context: Context,
  known: CountersignError,
  wire: Wire,
): { readonly status: number; readonly body: object } {
  const status = statusFor(known);
  if (known instanceof Unauthorized) return { status, body: unauthorizedBody(known) };
  if (wire === 'tuf-1') return { status, body: errorBody(known) };
  const isPublish = context.method === 'POST' && context.path.endsWith('/_trust/tuf/');
  const refusal = notaryRefusal(known, isPublish ? 'publish' : 'other');
  if (wire === 'notary-1') return { status: isHttpOwn(known) ? status : refusal.status, body: refusal.body };
  return { status, body: { ...refusal.body, ...errorBody(known) } };
}

function isHttpOwn(known: CountersignError): boolean {
  return known instanceof MethodNotAllowed || known instanceof ForeignRequest;
}

function statusFor(known: CountersignError): number {
  if (known instanceof MethodNotAllowed) return 405;
  // No credentials would help: 401 would ask for some.
  return known instanceof ForeignRequest ? 403 : statusOf(known.code);
}

function internal(cause: unknown): CountersignError {
  return new CountersignError('internal', 'the server failed to do this', {
    cause,
    next: 'Try again; if it keeps failing, tell whoever runs the server and when it was.',
  });
}

function report(context: Context, known: CountersignError, error: unknown, log: Log): void {
  const line = { method: context.method, url: context.req.url, status: context.status, code: known.code };
  if (known.code === 'internal') log.error({ ...line, err: error }, 'request failed');
  else if (known.code === 'unavailable' || known.code === 'storage-full')
    log.warn({ ...line, err: known }, 'request refused');
  // Clients ask for the next root until there is none: not news.
  else if (known.code === 'not-found') log.debug(line, 'not found');
  else log.info({ ...line, message: known.message, detail: known.detail }, 'request refused');
}
