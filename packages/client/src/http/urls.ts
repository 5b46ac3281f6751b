import { parseGun } from '../tuf/names.js';
import { CountersignError } from '../tuf/errors.js';

/** Where a repository keeps its two kinds of files. Both end in a slash. */
export interface RepositoryUrls {
  readonly metadata: string;
  readonly targets: string;
}

/**
 * Percent-encodes a name into one URL segment or file name: everything but `A-Za-z0-9_.-~` becomes UTF-8 `%XX`, as Python's
 * `quote(name, safe="")` does and stock clients expect (W5.3). Injective, so it also names files in caches.
 */
export function encodeSegment(name: string): string {
  return encodeURIComponent(name).replace(/[!'()*]/gu, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/**
 * The URLs of the collection named `gun` on a Countersign server.
 * @throws CountersignError `usage` where `server` is not an http(s) URL; `invalid-name`, for one that `..` leads elsewhere too
 */
export function collectionUrls(server: string, gun: string): RepositoryUrls {
  const name = parseGun(gun).split('/').map(encodeSegment).join('/');
  const base = `${baseUrl(server)}v2/${name}/_trust/`;
  return { metadata: `${base}tuf/`, targets: `${base}targets/` };
}

/**
 * A base URL in the form the rest of this library appends to: http or https, ending in a slash, no query, no fragment, no
 * user name or password (they would end up in messages and logs).
 * @throws CountersignError `usage`
 */
export function baseUrl(text: string): string {
  const refuse = (why: string): never => {
    throw new CountersignError('usage', `the URL ${JSON.stringify(text.slice(0, 200))} ${why}`, {
      next: 'Give a URL such as https://trust.example.com.',
    });
  };
  if (!URL.canParse(text)) refuse('cannot be read');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') refuse('is neither https nor http');
  if (url.username !== '' || url.password !== '') refuse('holds a user name or password');
  if (url.search !== '' || url.hash !== '') refuse('has a query or fragment');
  return url.href.endsWith('/') ? url.href : `${url.href}/`;
}

/**
 * The URL of the file at `path`, a slash-separated path of plain names, under `base`. Names are attacker-controlled: `.` and
 * `..` segments are refused, since URL parsers resolve them even when percent-encoded (W8.6).
 * @throws CountersignError `invalid-name`
 */
export function urlUnder(base: string, path: string): string {
  const segments = path.split('/');
  if (segments.some((segment) => segment === '.' || segment === '..')) {
    throw new CountersignError(
      'invalid-name',
      `${JSON.stringify(path.slice(0, 200))} has a "." or ".." segment and so no URL`,
      {
        next: 'Ask the publisher to rename the file.',
        detail: { target: path },
      },
    );
  }
  return base + segments.map(encodeSegment).join('/');
}
