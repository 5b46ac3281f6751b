import { CountersignError, parseGun, type Gun } from '@countersign/client/tuf';

/** What a request's URL names. `query` is raw, without its question mark. */
export type RequestPath =
  | { readonly area: 'service'; readonly path: string; readonly query: string }
  | {
      readonly area: 'tuf' | 'targets' | 'changefeed' | 'import';
      readonly gun: Gun;
      readonly path: string;
      readonly query: string;
    };

const PREFIX = '/v2/';
const TRUST = '/_trust/';
const ALL_CHANGES = '/v2/_trust/changefeed';
/** What follows `/_trust/` where that is no file's name. */
const WHOLE = {
  changefeed: { area: 'changefeed', path: '' },
  import: { area: 'import', path: '' },
  'import/past': { area: 'import', path: 'past' },
} as const;

/**
 * Reads a request target as it came over the wire. It is split at its *first* `/_trust/` segment before anything is decoded
 * (no collection name may hold one), then each part is percent-decoded exactly once; nothing is normalised, so `..` and `//`
 * reach the name rules instead of being resolved away. `path` of a collection's file is what follows `tuf/` or `targets/`;
 * a collection's changefeed and import have none. What is about no collection keeps its whole path.
 * Where there is a `prefix`, everything is below it; what is beside it is at no address.
 * @throws CountersignError `invalid-name`
 */
export function readPath(url: string, prefix = ''): RequestPath {
  const local = url.startsWith('/') ? url : withoutAuthority(url);
  const mark = local.indexOf('?');
  const path = mark === -1 ? local : local.slice(0, mark);
  const raw = path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : '';
  const query = mark === -1 ? '' : local.slice(mark + 1);
  // The slash that ends the prefix may also begin `/_trust/`: then the name is empty, which `parseGun` says.
  const split = raw.startsWith(PREFIX) ? raw.indexOf(TRUST, PREFIX.length - 1) : -1;
  if (split === -1) return { area: 'service', path: raw, query };
  const rest = raw.slice(split + TRUST.length);
  const slash = rest.indexOf('/');
  const area = rest.slice(0, slash === -1 ? rest.length : slash);
  const whole = Object.hasOwn(WHOLE, rest) ? WHOLE[rest as keyof typeof WHOLE] : undefined;
  if (raw === ALL_CHANGES || (whole === undefined && (slash === -1 || (area !== 'tuf' && area !== 'targets'))))
    return { area: 'service', path: raw, query };
  const gun = parseGun(decode(raw.slice(PREFIX.length, Math.max(split, PREFIX.length))));
  if (whole !== undefined) return { ...whole, gun, query };
  const file = rest.slice(slash + 1);
  return area === 'tuf'
    ? { area, gun, path: roleFile(file), query }
    : { area: 'targets', gun, path: decode(file), query };
}

/** Delegated roles as Notary's clients ask for them: by segments. */
const NOTARY_DELEGATION = /^(?:\d+\.)?targets\//u;

/** A metadata file name is one segment: a slash in a role's name is `%2F`, as stock TUF clients send it. */
function roleFile(raw: string): string {
  if (raw.includes('/') && !NOTARY_DELEGATION.test(raw)) {
    throw new CountersignError('invalid-name', 'a metadata file name has a slash in it', {
      next: 'Send a slash in a role name as %2F.',
    });
  }
  return decode(raw);
}

/** Percent-decodes exactly once: `%2525` is `%25`. */
function decode(raw: string): string {
  if (!raw.includes('%')) return raw;
  try {
    return decodeURIComponent(raw);
  } catch (cause) {
    throw new CountersignError('invalid-name', `${JSON.stringify(raw.slice(0, 100))} is not percent-encoded UTF-8`, {
      cause,
      next: 'Send a percent sign as %25.',
    });
  }
}

/** HTTP also allows `GET http://host/path` (RFC 9112 §3.2.2). */
function withoutAuthority(url: string): string {
  const path = /^https?:\/\/[^/?]*(?<path>.*)$/iu.exec(url)?.groups?.['path'];
  return path?.startsWith('/') === true ? path : `/${path ?? ''}`;
}
