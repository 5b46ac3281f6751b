import type { Context } from 'koa';

const IMMUTABLE = 'max-age=31536000, immutable';
const FOR_A_DAY = 'max-age=86400';
const CURRENT = 'no-cache';

/**
 * How a file is cached: one whose name never changes its content, one whose name may come to mean another in a later life
 * of its collection, one that must be asked about every time, or one that may be asked about after so many seconds.
 */
export type Caching = keyof typeof KEPT | 'current' | number;

const KEPT = { immutable: IMMUTABLE, 'one-life': FOR_A_DAY } as const;

/**
 * Sets `ETag` (from the lower-case hex hash of the bytes) and `Cache-Control`, and answers 304 if the client has the bytes.
 * @returns whether it did
 */
export function notModified(context: Context, hash: string, caching: Caching): boolean {
  const tag = `"${hash}"`;
  context.res.setHeader('ETag', tag);
  const { authorization, 'if-none-match': condition } = context.req.headers;
  // What somebody was let in to read, a cache must not give to others.
  const whose = authorization === undefined ? 'public' : 'private';
  context.res.setHeader('Cache-Control', caching === 'current' ? CURRENT : `${whose}, ${kept(caching)}`);
  if (condition === undefined || !names(condition, tag)) return false;
  context.status = 304;
  return true;
}

function kept(caching: Exclude<Caching, 'current'>): string {
  return typeof caching === 'number' ? `max-age=${caching}, s-maxage=${caching}, must-revalidate` : KEPT[caching];
}

/** Weak comparison (RFC 9110 §13.1.2). Our tags hold no comma. */
function names(condition: string, tag: string): boolean {
  if (condition === tag) return true;
  return condition.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//u, '') === tag);
}
