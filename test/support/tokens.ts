import { createHmac, KeyObject, randomBytes, sign, webcrypto, X509Certificate, type JsonWebKey } from 'node:crypto';
import * as x509 from '@countersign/client/x509';

const DAY = 86_400_000;
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: Uint8Array.of(1, 0, 1),
};
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Who signs tokens: a key, and the certificate that says whose it is. */
export interface Issuer {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  readonly keys: CryptoKeyPair;
}

export interface IssuerOptions {
  readonly kind?: 'RSA' | 'EC';
  readonly name?: string;
  /** Who vouches for the certificate; it vouches for itself unless given. */
  readonly by?: Issuer;
  readonly authority?: boolean;
  /** Milliseconds since 1970; from yesterday for a year unless given. */
  readonly from?: number;
  readonly until?: number;
}

export async function makeIssuer(options: IssuerOptions = {}): Promise<Issuer> {
  const { kind = 'RSA', name = 'token issuer', by, authority = by === undefined } = options;
  const keys = await generate(kind);
  const signer = by?.keys.privateKey ?? keys.privateKey;
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: `01${randomBytes(8).toString('hex')}`,
    subject: `CN=${name}`,
    issuer: by === undefined ? `CN=${name}` : by.certificate.subject,
    notBefore: new Date(options.from ?? Date.now() - DAY),
    notAfter: new Date(options.until ?? Date.now() + 365 * DAY),
    publicKey: keys.publicKey,
    signingKey: signer,
    signingAlgorithm: signer.algorithm.name === 'ECDSA' ? EC : RSA,
    extensions: [new x509.BasicConstraintsExtension(authority, undefined, true)],
  });
  return { certificate: new X509Certificate(made.toString('pem')), key: KeyObject.from(keys.privateKey), keys };
}

async function generate(kind: 'RSA' | 'EC'): Promise<CryptoKeyPair> {
  return kind === 'RSA'
    ? webcrypto.subtle.generateKey(RSA, true, ['sign', 'verify'])
    : webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
}

/** The certificates as a token's header carries them. */
export function x5c(...issuers: readonly Issuer[]): string[] {
  return issuers.map(({ certificate }) => certificate.raw.toString('base64'));
}

export function publicJwk({ certificate }: Issuer): JsonWebKey {
  return certificate.publicKey.export({ format: 'jwk' });
}

export type Json = Readonly<Record<string, unknown>>;

/** A signed JWT, with exactly that header and those claims. */
export function mint(issuer: Issuer, claims: Json, header: Json = { x5c: x5c(issuer) }): string {
  const { key } = issuer;
  const alg = key.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256';
  const input = signingInput({ typ: 'JWT', alg, ...header }, claims);
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

/** A JWT that claims to need no signature. */
export function mintUnsigned(claims: Json, header: Json): string {
  return `${signingInput({ typ: 'JWT', alg: 'none', ...header }, claims)}.`;
}

/** A JWT whose secret is something everybody knows. */
export function mintHmac(secret: string | Buffer, claims: Json, header: Json): string {
  const input = signingInput({ typ: 'JWT', alg: 'HS256', ...header }, claims);
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

function signingInput(header: Json, claims: Json): string {
  return [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
}
