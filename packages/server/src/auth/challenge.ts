import type { Access } from './authorizer.js';

/** Where a client gets a token, and for whom. */
export interface Issuer {
  readonly realm: string;
  readonly service: string;
}

/** Why a token that was sent does not do (RFC 6750 §3.1). */
export type TokenFault = 'invalid_token' | 'insufficient_scope';

/** The value of `WWW-Authenticate`, member for member as Docker's registries write it: their clients parse it by hand. */
export function challenge({ realm, service }: Issuer, access: Access, fault?: TokenFault): string {
  const scope = `${access.type}:${access.name}:${access.actions.join(',')}`;
  const members = [member('realm', realm), member('service', service), member('scope', scope)];
  if (fault !== undefined) members.push(member('error', fault));
  return `Bearer ${members.join(',')}`;
}

/**
 * A quoted-string (RFC 9110 §5.6.4). The value may hold what an attacker named: what would end the string is escaped, what
 * would end the header line is left out, and letters beyond ASCII go over the wire as UTF-8.
 */
function member(name: string, value: string): string {
  const quoted = value.replace(/[\u0000-\u001f\u007f-\u009f]/gu, '').replace(/["\\]/gu, '\\$&');
  // Node writes a header one byte a character.
  return `${name}="${Buffer.from(quoted, 'utf8').toString('latin1')}"`;
}
