import { createHash, X509Certificate } from 'node:crypto';
import type { CertificateAuthority } from '../reading/pinning.js';
import { CountersignError } from '../tuf/errors.js';
import type { Instant } from '../tuf/names.js';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu;
/** Certificates of one key; more is no chain anybody has. */
const MAX_CHAIN = 16;

/**
 * The authorities in a PEM file, to vouch for the root certificates of Notary's collections. What the certificates say of
 * their use, and of the names and length of chains below them, is not asked.
 * @throws CountersignError `usage` where there is none, or one that is no authority
 */
export function certificateAuthority(pem: string): CertificateAuthority {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw unfit('holds no PEM certificate');
  const authorities = blocks.map(readAuthority);
  const hash = createHash('sha256');
  for (const { raw } of authorities) hash.update(raw);
  return {
    fingerprint: `sha256:${hash.digest('hex')}`,
    vouchesFor(certificates, now) {
      try {
        const [first, ...others] = certificates.slice(0, MAX_CHAIN).map((der) => new X509Certificate(der));
        return first !== undefined && leads(first, others, authorities, now);
      } catch {
        return false;
      }
    },
  };
}

/** Whether signatures lead from one certificate to an authority; each certificate on the way is looked at once. */
function leads(
  from: X509Certificate,
  over: readonly X509Certificate[],
  to: readonly X509Certificate[],
  now: Instant,
): boolean {
  const waiting = [from];
  const unseen = new Set(over);
  for (const at of waiting) {
    if (!isValid(at, now)) continue;
    if (to.some((authority) => hasIssued(authority, at) && isValid(authority, now))) return true;
    for (const next of unseen) {
      if (!hasIssued(next, at)) continue;
      unseen.delete(next);
      waiting.push(next);
    }
  }
  return false;
}

function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isValid({ validFrom, validTo }: X509Certificate, now: Instant): boolean {
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo);
}

function readAuthority(pem: string): X509Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (error) {
    throw unfit('holds a certificate that cannot be read', error);
  }
  if (certificate.ca) return certificate;
  throw unfit('holds a certificate that is no authority');
}

function unfit(how: string, cause?: unknown): CountersignError {
  return new CountersignError('usage', `the file of root authorities ${how}`, {
    next: 'Give a PEM file of CA certificates, as its publisher tells you.',
    ...(cause === undefined ? {} : { cause }),
  });
}
