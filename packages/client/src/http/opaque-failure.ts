import { isLoopback } from './loopback.js';

/**
 * What to do about a request that failed in a browser, which tells its pages nothing but that it did: what can be seen from
 * here, or else what it may be. Undefined outside of browsers; other runtimes give their reasons.
 */
export function adviceOnOpaqueFailure(url: string, error: unknown): string | undefined {
  // Not there in every runtime, whatever the types say.
  const { navigator, location } = globalThis as Partial<Pick<typeof globalThis, 'navigator' | 'location'>>;
  if (location === undefined || !(error instanceof TypeError) || error.cause !== undefined) return undefined;
  if (navigator?.onLine === false) return 'This machine is offline: connect it and try again.';
  const { protocol, host, hostname } = new URL(url);
  if (location.protocol === 'https:' && protocol === 'http:' && !isLoopback(hostname))
    return `Use https://${host}: a page that came over https may not ask over http.`;
  return (
    `Look into the browser's console, which alone is told why: ${host} may be down or out of reach, have a certificate that ` +
    `is not trusted, not let pages of ${location.origin} read this (CORS; with a token only those in its ` +
    `"listen.allowedOrigins"), or this page's own policy may forbid it (connect-src).`
  );
}
