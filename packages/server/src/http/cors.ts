import type { Context } from 'koa';
import { UPDATES_HEADER, UPDATES_WAY } from '@countersign/client/wire';
import { checkOrigin, isAllowedOrigin, type AccessRules } from './access.js';
import type { RequestPath } from './path.js';

/** What a page of another origin may see of an answer beside its body: clients go by the updates, the date and the wait. */
const EXPOSED = `${UPDATES_HEADER}, Date, ETag, Retry-After, X-Countersign-Expired`;
/** Seconds for which a browser may remember what it was told before it asked. */
const REMEMBERED = '600';

/**
 * Sets what a browser is to know before anything can fail: its pages must see a 404 as one, the roots end with one. Pages of
 * every origin may read what everybody may; those of allowed origins may also write, and read with a token.
 * @returns `answered` where the browser only asked what it may do
 * @throws ForeignRequest
 */
export function admit(access: AccessRules, context: Context, path: RequestPath): 'answered' | 'go on' {
  switch (kindOf(context, path)) {
    case 'harmless':
      return 'go on';
    case 'published':
      return admitReader(access, context, path);
    case 'write':
      return admitWriter(access, context);
  }
}

function admitReader(access: AccessRules, context: Context, path: RequestPath): 'answered' | 'go on' {
  const { method, req, res } = context;
  res.setHeader('Access-Control-Allow-Origin', '*');
  if (path.area === 'tuf') res.setHeader(UPDATES_HEADER, UPDATES_WAY);
  if (method !== 'OPTIONS') {
    res.setHeader('Access-Control-Expose-Headers', EXPOSED);
    return 'go on';
  }
  res.setHeader('Vary', 'Origin');
  const headers = isAllowedOrigin(access, req.headers) ? 'Authorization, If-None-Match' : 'If-None-Match';
  return answer(context, { methods: 'GET, HEAD', headers });
}

function admitWriter(access: AccessRules, context: Context): 'answered' | 'go on' {
  const { method, req, res } = context;
  const allowed = checkOrigin(access, req.headers);
  if (allowed === undefined) return 'go on';
  res.setHeader('Access-Control-Allow-Origin', allowed);
  res.setHeader('Vary', 'Origin');
  if (method !== 'OPTIONS') return 'go on';
  return answer(context, { methods: 'POST, PUT, DELETE', headers: 'Content-Type, Authorization' });
}

function answer(context: Context, allow: { readonly methods: string; readonly headers: string }): 'answered' {
  context.set('Access-Control-Allow-Methods', allow.methods);
  context.set('Access-Control-Allow-Headers', allow.headers);
  context.set('Access-Control-Max-Age', REMEMBERED);
  context.status = 204;
  return 'answered';
}

/** Asking for a key may make one: a write, though it is a GET. Asking whether one may read is as reading. */
function kindOf({ method, req }: Context, path: RequestPath): 'published' | 'harmless' | 'write' {
  const isPreflight = method === 'OPTIONS';
  const meant = isPreflight ? req.headers['access-control-request-method'] : method;
  if (meant !== 'GET' && meant !== 'HEAD') return 'write';
  if (path.area === 'service') return isPreflight ? 'write' : 'harmless';
  return path.area === 'tuf' && path.path.endsWith('.key') ? 'write' : 'published';
}
