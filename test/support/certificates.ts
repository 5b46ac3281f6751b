import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@countersign/client/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY = 86_400_000;

/** A certificate and its private key, both PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

export interface IssueOptions {
  readonly cn: string;
  /** What a client may do with it: answer as a server, or ask as a client. */
  readonly use: 'client' | 'server';
  /** Names and addresses a server answers under; `localhost` and `127.0.0.1` where left out. */
  readonly hosts?: readonly string[];
}

export interface Ca {
  /** PEM. */
  readonly certificate: string;
  issue(options: IssueOptions): Promise<Issued>;
}

/** A certificate authority for one test. Its certificates are valid from yesterday for a year. */
export async function makeCa(cn = 'Test CA'): Promise<Ca> {
  const keys = await generate();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...common(`CN=${cn}`),
    name: `CN=${cn}`,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return { certificate: ca.toString('pem'), issue: (options) => issue(ca, keys.privateKey, options) };
}

async function issue(ca: x509.X509Certificate, signingKey: CryptoKey, options: IssueOptions): Promise<Issued> {
  const keys = await generate();
  const certificate = await x509.X509CertificateGenerator.create({
    ...common(`CN=${options.cn}`),
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.ExtendedKeyUsageExtension([
        options.use === 'client' ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth,
      ]),
      new x509.SubjectAlternativeNameExtension(hostsOf(options)),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await pem(keys.privateKey) };
}

function hostsOf({ cn, use, hosts }: IssueOptions): { type: 'ip' | 'dns'; value: string }[] {
  const names = hosts ?? (use === 'server' ? ['localhost', '127.0.0.1'] : [cn]);
  return names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }));
}

function common(subject: string): {
  serialNumber: string;
  subject: string;
  notBefore: Date;
  notAfter: Date;
  signingAlgorithm: typeof ALGORITHM;
} {
  const now = Date.now();
  return {
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    subject,
    notBefore: new Date(now - DAY),
    notAfter: new Date(now + 365 * DAY),
    signingAlgorithm: ALGORITHM,
  };
}

async function generate(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function pem(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${(der.match(/.{1,64}/gu) ?? []).join('\n')}\n-----END PRIVATE KEY-----\n`;
}
