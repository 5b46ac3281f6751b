import { createPrivateKey, X509Certificate } from 'node:crypto';
import * as x509 from '@countersign/client/x509';
import { instant, type Instant } from '@countersign/client/tuf';
import { newSerial, SKEW_MS, type Authority } from './authority.js';
import { readIfThere, writeAtomically, type DataDirectory, type KeyPairFiles } from './data-directory.js';
import { newKeyPem, SIGNATURE_ALGORITHM, webKeys } from './keys.js';

const DAY_MS = 86_400_000;
export const LEAF_DAYS = 90;
/** A certificate with less than this left is issued anew. */
export const RENEW_DAYS = 30;

/** One certificate of a local installation. */
interface Leaf {
  readonly commonName: string;
  readonly files: KeyPairFiles;
  readonly use: 'server' | 'client';
}

/** The common name under which the signer knows the server. */
export const CLIENT_NAME = 'countersign-server';

const LOCAL_NAMES = [
  { type: 'dns', value: 'localhost' },
  { type: 'ip', value: '127.0.0.1' },
  { type: 'ip', value: '::1' },
] as const;

function leaves(data: DataDirectory): readonly Leaf[] {
  return [
    { commonName: 'localhost', files: data.serverTls, use: 'server' },
    { commonName: 'countersign-signer', files: data.signerTls, use: 'server' },
    { commonName: CLIENT_NAME, files: data.clientTls, use: 'client' },
  ];
}

/**
 * Makes sure that every certificate of the installation is there, is by `authority`, and lasts another 30 days at least;
 * issues the others anew. A renewed certificate keeps its private key, so that renewal replaces one file and a process
 * that reads the pair meanwhile never sees two halves that do not fit.
 * @returns the paths of the certificates issued
 */
export async function renewCertificates(
  data: DataDirectory,
  authority: Authority,
  now: Instant,
): Promise<readonly string[]> {
  const issued: string[] = [];
  for (const leaf of leaves(data)) {
    const keyPem = readKey(leaf.files.key);
    if (keyPem !== undefined && isGood(leaf, keyPem, authority, now)) continue;
    await issue(leaf, keyPem ?? makeKey(leaf.files.key), authority, now);
    issued.push(leaf.files.certificate);
  }
  return issued;
}

/** A key that cannot be read is worth no more than none: nothing is lost with it, since the authority issues again. */
function readKey(path: string): string | undefined {
  const pem = readIfThere(path);
  if (pem === undefined) return undefined;
  try {
    return createPrivateKey(pem).asymmetricKeyType === 'ec' ? pem : undefined;
  } catch {
    return undefined;
  }
}

function makeKey(path: string): string {
  const pem = newKeyPem();
  writeAtomically(path, pem, 'owner');
  return pem;
}

function isGood(leaf: Leaf, keyPem: string, authority: Authority, now: Instant): boolean {
  const pem = readIfThere(leaf.files.certificate);
  if (pem === undefined) return false;
  const certificate = parse(pem);
  if (certificate === undefined) return false;
  const begins = instant(Date.parse(certificate.validFrom));
  const ends = instant(Date.parse(certificate.validTo));
  return (
    certificate.checkPrivateKey(createPrivateKey(keyPem)) &&
    certificate.verify(authority.certificate.publicKey) &&
    begins <= now &&
    // Never issued past the authority's own end: close to it, nothing longer can be had.
    (ends - now >= RENEW_DAYS * DAY_MS || ends >= authority.expires)
  );
}

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

async function issue(leaf: Leaf, keyPem: string, authority: Authority, now: Instant): Promise<void> {
  const [keys, signingKeys] = await Promise.all([webKeys(keyPem), webKeys(authority.keyPem)]);
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: `CN=${leaf.commonName}`,
    issuer: new x509.X509Certificate(authority.certificatePem).subjectName,
    notBefore: new Date(now - SKEW_MS),
    notAfter: new Date(Math.min(now + LEAF_DAYS * DAY_MS, authority.expires)),
    publicKey: keys.publicKey,
    signingKey: signingKeys.privateKey,
    signingAlgorithm: SIGNATURE_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([leaf.use === 'server' ? serverAuth : clientAuth]),
      new x509.SubjectAlternativeNameExtension([...LOCAL_NAMES]),
      await x509.AuthorityKeyIdentifierExtension.create(signingKeys.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  writeAtomically(leaf.files.certificate, `${certificate.toString('pem')}\n`, 'everybody');
}
