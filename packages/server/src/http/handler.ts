import type { Context, Middleware } from 'koa';
import { CountersignError, type FormatName } from '@countersign/client/tuf';
import { CATALOG, Unauthorized, type Access } from '../auth/authorizer.js';
import { checkHost } from './access.js';
import { admit } from './cors.js';
import { drain } from './drain.js';
import { Budget } from './budget.js';
import { changefeedRoutes } from './changefeed.js';
import { MethodNotAllowed, refuse, type Wire } from './errors.js';
import { checkOffered } from './offer.js';
import { importRoutes } from './importing.js';
import type { RequestMeter } from './meter.js';
import { metadataRoutes } from './metadata.js';
import { onlineKeyRoutes } from './online-keys.js';
import { operationRoutes } from './operations.js';
import { readPath, type RequestPath } from './path.js';
import type { Call, CollectionCall, HttpDeps, Route } from './route.js';
import { targetRoutes } from './targets.js';
import { publishingRoutes } from './publishing.js';

/** Every route, by the part of the name space it is in. */
export interface Routes {
  readonly service: readonly Route<Call>[];
  readonly tuf: readonly Route<CollectionCall>[];
  readonly targets: readonly Route<CollectionCall>[];
  readonly changefeed: readonly Route<CollectionCall>[];
  readonly import: readonly Route<CollectionCall>[];
}

export function routes(deps: HttpDeps): Routes {
  // One for both: what is received takes the same memory, whatever becomes of it.
  const uploads = new Budget(deps.limits.uploads);
  return {
    service: operationRoutes(deps),
    tuf: [...metadataRoutes(deps), ...onlineKeyRoutes(deps), ...publishingRoutes(deps, uploads)],
    targets: targetRoutes(deps),
    changefeed: changefeedRoutes(deps),
    import: importRoutes(deps, uploads),
  };
}

/** The whole HTTP interface as one middleware: one, since `timestamp.json` passes through it thousands of times a second. */
export function createHandler(deps: HttpDeps): Middleware {
  const table = routes(deps);
  return async (context) => {
    if (deps.meter !== undefined) measure(context, deps.meter);
    try {
      context.res.setHeader('X-Content-Type-Options', 'nosniff');
      await dispatch(table, deps, context);
      deps.log.debug({ method: context.method, url: context.req.url, status: context.status }, 'request');
    } catch (error) {
      drain(context.req, context.res, deps.limits);
      // Who has to log in first is told so in both forms, and is not to reach the database.
      const wire = error instanceof Unauthorized ? 'unknown' : await wireOf(deps, context);
      refuse(context, error, wire, deps.log);
    }
  };
}

/** Tells the meter when the answer is sent, or its client gone. */
function measure(context: Context, meter: RequestMeter): void {
  const begun = performance.now();
  context.res.once('close', () => {
    const { route = 'none' } = context.state as { readonly route?: string };
    meter.request(route, context.method, context.res.statusCode, (performance.now() - begun) / 1000);
  });
}

/** In whose words a refusal is told: the collection's format decides, or what the upload holds, or what the client asks for. */
async function wireOf({ collections, offer, log }: HttpDeps, context: Context): Promise<Wire> {
  try {
    const path = readPath(context.req.url ?? '/', offer.pathPrefix);
    if (path.area === 'service') return 'unknown';
    if (path.area === 'targets' || path.area === 'import') return 'tuf-1';
    return (
      (await collections.formatOf(path.gun)) ?? (context.state as { readonly format?: FormatName }).format ?? 'unknown'
    );
  } catch (error) {
    if (!(error instanceof CountersignError)) log.warn({ err: error }, 'cannot tell the format of a collection');
    return 'unknown';
  }
}

async function dispatch(table: Routes, deps: HttpDeps, context: Context): Promise<void> {
  const { access, offer } = deps;
  checkHost(access, context.req.headers);
  const path = readPath(context.req.url ?? '/', offer.pathPrefix);
  if (admit(access, context, path) === 'answered') return;
  if (path.area === 'service') {
    const { route, match } = await found(find(table.service, context, path), deps, context);
    context.state['route'] = route.path;
    const by = route.access === 'catalog' ? await authorize(deps, context, CATALOG) : undefined;
    return route.handle({ context, match, query: path.query, by });
  }
  const { gun } = path;
  checkOffered(offer, gun);
  const { route, match } = await found(find(table[path.area], context, path), deps, context);
  context.state['route'] = route.path;
  const by = await authorize(deps, context, { type: 'repository', name: gun, actions: route.access });
  return route.handle({ context, match, query: path.query, gun, by });
}

/** What there is not is told to those only who may know what there is. */
async function found<C extends Call>(
  result: Found<C> | CountersignError,
  deps: HttpDeps,
  context: Context,
): Promise<Found<C>> {
  if (!(result instanceof CountersignError)) return result;
  await authorize(deps, context, CATALOG);
  throw result;
}

/** @returns who asks @throws Unauthorized */
async function authorize({ authorizer }: HttpDeps, { req }: Context, access: Access): Promise<string | undefined> {
  return (await authorizer.authorize(req.headers, access)).subject;
}

function find<C extends Call>(
  rows: readonly Route<C>[],
  context: Context,
  { path }: RequestPath,
): Found<C> | CountersignError {
  const method = context.method === 'HEAD' ? 'GET' : context.method;
  const allow = new Set<string>();
  for (const route of rows) {
    const match = route.pattern.exec(path);
    if (match === null) continue;
    if (route.method === method) return { route, match };
    allow.add(route.method);
    if (route.method === 'GET') allow.add('HEAD');
  }
  if (allow.size > 0) return new MethodNotAllowed(context.method, [...allow]);
  return new CountersignError('not-found', 'there is nothing at this address');
}

interface Found<C extends Call> {
  readonly route: Route<C>;
  readonly match: RegExpExecArray;
}
