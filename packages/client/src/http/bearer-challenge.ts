/** What a server that wants a token says of where to get one (RFC 6750 §3, as Docker's registries write it). */
export interface BearerChallenge {
  /** As it was sent: nothing about it is checked. */
  readonly realm: string;
  readonly service: string | undefined;
  /** Why the token that was sent does not do. */
  readonly error: string | undefined;
}

const MAX_HEADER = 8 * 1024;
/** `name`, `name=token` or `name="quoted"`, after any commas. */
const PART = /[\s,]*([\w!#$%&'*+.^`|~-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"=]+)))?(?=[\s,]|$)/uy;

/**
 * The Bearer challenge in a `WWW-Authenticate` header (RFC 9110 §11.6.1), among others or alone; undefined where there is
 * none that names a realm. Its scope is left out: who asks knows better what for.
 */
export function bearerChallenge(header: string | null): BearerChallenge | undefined {
  if (header === null || header.length > MAX_HEADER) return undefined;
  const members = bearerMembers(header);
  const realm = members.get('realm');
  return realm === undefined ? undefined : { realm, service: members.get('service'), error: members.get('error') };
}

function bearerMembers(header: string): ReadonlyMap<string, string> {
  const members = new Map<string, string>();
  let scheme = '';
  for (let at = 0; at < header.length;) {
    PART.lastIndex = at;
    const part = PART.exec(header);
    if (part === null) {
      // Credentials of another scheme; the next one begins after a comma.
      const comma = header.indexOf(',', at + 1);
      if (comma === -1) break;
      at = comma;
      continue;
    }
    at = PART.lastIndex;
    const [, name = '', quoted, token] = part;
    const value = quoted?.replace(/\\(.)/gu, '$1') ?? token;
    if (value === undefined) scheme = name.toLowerCase();
    else if (scheme === 'bearer' && !members.has(name.toLowerCase())) members.set(name.toLowerCase(), value);
  }
  return members;
}
