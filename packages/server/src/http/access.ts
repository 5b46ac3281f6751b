import type { IncomingHttpHeaders } from 'node:http';
import { CountersignError } from '@countersign/client/tuf';

/** Who may ask through a browser. */
export interface AccessRules {
  /** Lower-case host names and addresses without port that requests may be for; undefined: any. */
  readonly hosts: ReadonlySet<string> | undefined;
  /** Origins (`https://host`) whose pages may publish and use tokens, beside pages this server would serve itself. */
  readonly origins: ReadonlySet<string>;
}

export const OPEN_ACCESS: AccessRules = { hosts: undefined, origins: new Set() };

const LOOPBACK = /^(?:localhost|\[::1\]|127(?:\.\d{1,3}){3})$/u;

/** A request some website made a browser send. Its status is HTTP's own business. */
export class ForeignRequest extends CountersignError {
  constructor(message: string, next: string) {
    super('unauthorized', message, { next });
  }
}

/**
 * Refuses a request for a name that is not ours: with DNS rebinding, a website's own name leads to a loopback address, and
 * its pages pass for pages of this server.
 * @throws ForeignRequest
 */
export function checkHost({ hosts }: AccessRules, headers: IncomingHttpHeaders): void {
  if (hosts === undefined) return;
  const name = (headers.host ?? '').toLowerCase().replace(/:\d*$/u, '').replace(/\.$/u, '');
  if (LOOPBACK.test(name) || hosts.has(name)) return;
  throw new ForeignRequest(
    `this server is not called ${JSON.stringify(name.slice(0, 100))}`,
    'If it is, behind a proxy say, add that name to "listen.names" in the server.',
  );
}

/**
 * Refuses what a page of another site made a browser send. Whoever is no browser sends neither header, and is not kept out
 * by this.
 * @returns the foreign origin that is allowed, if it is one
 * @throws ForeignRequest
 */
export function checkOrigin({ origins }: AccessRules, headers: IncomingHttpHeaders): string | undefined {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  if (origin !== undefined && origins.has(origin)) return origin;
  const foreign = origin !== undefined && hostOf(origin) !== host?.toLowerCase();
  if (!foreign && site !== 'cross-site' && site !== 'same-site') return undefined;
  throw new ForeignRequest(
    `a page of ${JSON.stringify((origin ?? 'another site').slice(0, 100))} may not do this`,
    'To let its pages publish, add the origin to "listen.allowedOrigins" in the server.',
  );
}

/** Whether a page of an origin that is allowed more than others sends this. */
export function isAllowedOrigin({ origins }: AccessRules, { origin }: IncomingHttpHeaders): boolean {
  return origin !== undefined && origins.has(origin);
}

/** `null`, the origin of a sandboxed page, has none. */
function hostOf(origin: string): string | undefined {
  return /^https?:\/\/([^/]+)$/u.exec(origin.toLowerCase())?.[1];
}
