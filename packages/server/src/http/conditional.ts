import type { Context } from 'koa';

const IMMUTABLE = 'public, max-age=31536000, immutable';
const FOR_A_DAY = 'public, max-age=86400';
const CURRENT = 'no-cache';

/**
 * How a file is cached: one whose name never changes its content, one whose name may come to mean another in a later life
 * of its collection, or one that must be asked about every time.
 */
export type Caching = keyof typeof CACHE_CONTROL;

const CACHE_CONTROL = { immutable: IMMUTABLE, 'one-life': FOR_A_DAY, current: CURRENT } as const;

/**
 * Sets `ETag` (from the lower-case hex hash of the bytes) and `Cache-Control`, and answers 304 if the client has the bytes.
 * @returns whether it did
 */
export function notModified(context: Context, hash: string, caching: Caching): boolean {
  const tag = `"${hash}"`;
  context.res.setHeader('ETag', tag);
  context.res.setHeader('Cache-Control', CACHE_CONTROL[caching]);
  const condition = context.req.headers['if-none-match'];
  if (condition === undefined || !names(condition, tag)) return false;
  context.status = 304;
  return true;
}

/** Weak comparison (RFC 9110 §13.1.2). Our tags hold no comma. */
function names(condition: string, tag: string): boolean {
  if (condition === tag) return true;
  return condition.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//u, '') === tag);
}
