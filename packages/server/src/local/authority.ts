import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import * as x509 from '@countersign/client/x509';
import { CountersignError, formatInstant, instant, type Instant } from '@countersign/client/tuf';
import { readIfThere, writeAtomically, type KeyPairFiles } from './data-directory.js';
import { newKeyPem, SIGNATURE_ALGORITHM, webKeys } from './keys.js';

const DAY_MS = 86_400_000;
const LIFE_DAYS = 3_650;
/** How long before its end the authority is worth a warning. */
const WARN_DAYS = 180;
/** Clocks of one machine and its containers differ a little. */
export const SKEW_MS = 3_600_000;

/** The local certificate authority: its certificate, and what is needed to issue others. */
export interface Authority {
  readonly certificate: X509Certificate;
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly expires: Instant;
  /** Made just now, rather than found. */
  readonly isNew: boolean;
}

/**
 * Reads the certificate authority, or makes it where there is none.
 * @throws CountersignError `not-found` if the certificate is there and its key is not, `malformed` if they do not belong
 * together or cannot be read, `freeze` if the certificate has expired
 */
export async function openAuthority(files: KeyPairFiles, now: Instant): Promise<Authority> {
  const certificatePem = readIfThere(files.certificate);
  if (certificatePem === undefined) return makeAuthority(files, now);
  const keyPem = readIfThere(files.key);
  if (keyPem === undefined) {
    throw new CountersignError('not-found', `${files.certificate} is there, but its key ${files.key} is not`, {
      next: `Put the key back, or remove ${files.certificate} for a new authority (clients then need the new ca.crt).`,
    });
  }
  const certificate = readPair(files, certificatePem, keyPem);
  const expires = instant(Date.parse(certificate.validTo));
  if (expires <= now) {
    throw new CountersignError(
      'freeze',
      `the local certificate authority ${files.certificate} expired at ${formatInstant(expires)}`,
      {
        detail: { expires: formatInstant(expires) },
        next: 'Remove the tls directory and start again; then give clients the new ca.crt.',
      },
    );
  }
  return { certificate, certificatePem, keyPem, expires, isNew: false };
}

/** A sentence to show if the authority's certificate ends soon, undefined otherwise. */
export function authorityWarning(authority: Authority, now: Instant): string | undefined {
  const days = Math.floor((authority.expires - now) / DAY_MS);
  if (days > WARN_DAYS) return undefined;
  return `The local certificate authority expires in ${days} days, at ${formatInstant(authority.expires)}. Remove the tls directory before, start again, and give clients the new ca.crt.`;
}

function readPair(files: KeyPairFiles, certificatePem: string, keyPem: string): X509Certificate {
  const next =
    'Put both back from a backup, or remove the tls directory for a new authority (clients then need the new ca.crt).';
  try {
    const certificate = new X509Certificate(certificatePem);
    if (certificate.checkPrivateKey(createPrivateKey(keyPem))) return certificate;
  } catch (cause) {
    throw new CountersignError('malformed', `${files.certificate} or ${files.key} cannot be read`, { next, cause });
  }
  throw new CountersignError('malformed', `${files.key} is not the key of ${files.certificate}`, { next });
}

// The key comes first: a certificate whose key was never written could not be told from one whose key was lost.
async function makeAuthority(files: KeyPairFiles, now: Instant): Promise<Authority> {
  const keyPem = newKeyPem();
  const keys = await webKeys(keyPem);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: `CN=Countersign local CA ${randomBytes(4).toString('hex')}`,
    notBefore: new Date(now - SKEW_MS),
    notAfter: new Date(now + LIFE_DAYS * DAY_MS),
    keys,
    signingAlgorithm: SIGNATURE_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const certificatePem = `${made.toString('pem')}\n`;
  writeAtomically(files.key, keyPem, 'owner');
  writeAtomically(files.certificate, certificatePem, 'everybody');
  const certificate = new X509Certificate(certificatePem);
  return { certificate, certificatePem, keyPem, expires: instant(Date.parse(certificate.validTo)), isNew: true };
}

/** A positive serial number of 127 random bits (RFC 5280 §4.1.2.2), in hex. */
export function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return bytes.toString('hex');
}
