import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import type { Instant } from '@countersign/client/tuf';
import { isCurrent, keyFingerprint, type Bundle } from './bundle.js';

const MAX_CHAIN = 8;

/** The members of a token's header that say whose key signed it; nothing in them is believed yet. */
export interface KeyHints {
  readonly x5c?: unknown;
  readonly jwk?: unknown;
  readonly kid?: unknown;
}

/**
 * The public key a token claims to be signed with, if the bundle vouches for it: by a certificate chain (`x5c`), by itself
 * (`jwk`, with a chain or the fingerprint of a key in the bundle), or by name (`kid`). The first hint there is decides.
 */
export function trustedKey({ x5c, jwk, kid }: KeyHints, bundle: Bundle, now: Instant): KeyObject | undefined {
  if (x5c !== undefined) return chainKey(x5c, bundle, now);
  if (jwk !== undefined) return ownKey(jwk, bundle, now);
  return typeof kid === 'string' ? bundle.key(kid, now) : undefined;
}

function ownKey(jwk: unknown, bundle: Bundle, now: Instant): KeyObject | undefined {
  if (typeof jwk !== 'object' || jwk === null) return undefined;
  const fingerprint = fingerprintOf(jwk);
  if (fingerprint === undefined) return undefined;
  if (!('x5c' in jwk)) return bundle.key(fingerprint, now);
  const key = chainKey(jwk.x5c, bundle, now);
  return key !== undefined && keyFingerprint(key) === fingerprint ? key : undefined;
}

function fingerprintOf(jwk: object): string | undefined {
  const { kty, n, e, crv, x, y } = jwk as Readonly<Record<string, unknown>>;
  if (kty !== 'RSA' && kty !== 'EC') return undefined;
  try {
    // What createPublicKey does not understand it refuses; a private member would be ignored.
    return keyFingerprint(createPublicKey({ format: 'jwk', key: { kty, n, e, crv, x, y } as never }));
  } catch {
    return undefined;
  }
}

/** The key of the first certificate, if the chain leads from it to the bundle (RFC 7515 §4.1.6: each vouched for by the next). */
function chainKey(x5c: unknown, bundle: Bundle, now: Instant): KeyObject | undefined {
  const chain = readChain(x5c);
  let above: X509Certificate | undefined;
  // From the far end, so that no key is used before it is trusted.
  for (const certificate of chain.reverse())
    above = isVouchedFor(certificate, above, bundle, now) ? certificate : undefined;
  return above?.publicKey;
}

function readChain(x5c: unknown): X509Certificate[] {
  if (!Array.isArray(x5c) || x5c.length > MAX_CHAIN) return [];
  try {
    return x5c.map((der) => new X509Certificate(Buffer.from(String(der), 'base64')));
  } catch {
    return [];
  }
}

/**
 * No name in a certificate means anything here: whoever holds the key of a trusted authority may issue tokens. So names,
 * uses and the length of the path, which would limit an authority to some certificates, have nothing to add.
 */
function isVouchedFor(
  certificate: X509Certificate,
  above: X509Certificate | undefined,
  bundle: Bundle,
  now: Instant,
): boolean {
  if (!isCurrent(certificate, now)) return false;
  if (bundle.certificates.some(({ raw }) => raw.equals(certificate.raw))) return true;
  const authorities = above === undefined ? bundle.certificates : [above, ...bundle.certificates];
  return authorities.some(
    (authority) =>
      authority.ca &&
      isCurrent(authority, now) &&
      certificate.checkIssued(authority) &&
      certificate.verify(authority.publicKey),
  );
}
