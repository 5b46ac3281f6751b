import { createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

/** Certificates as anybody may write them, good and bad ones, made without the code under test. */

export interface CertificateOptions {
  readonly cn: string;
  readonly key: KeyObject;
  /** Who signs; the key itself where left out. */
  readonly issuer?: KeyObject;
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly isCa?: boolean;
  readonly hash?: 'sha256' | 'sha1';
  /** The tag of the common name's string: UTF8String where left out. */
  readonly nameTag?: number;
  readonly version?: 1 | 3;
}

export function newCertificateKey(type: 'P-256' | 'P-384' | 'rsa' | 'weak-rsa' = 'P-256'): KeyObject {
  if (type === 'rsa' || type === 'weak-rsa')
    return generateKeyPairSync('rsa', { modulusLength: type === 'rsa' ? 2048 : 1024 }).privateKey;
  return generateKeyPairSync('ec', { namedCurve: type }).privateKey;
}

function der(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const length = body.length;
  const header =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), body]);
}

const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const nothing = der(0x05);

const ALGORITHMS: Readonly<Record<string, Buffer>> = {
  'ec sha256': der(0x30, oid('2a8648ce3d040302')),
  'ec sha1': der(0x30, oid('2a8648ce3d0401')),
  'rsa sha256': der(0x30, oid('2a864886f70d01010b'), nothing),
  'rsa sha1': der(0x30, oid('2a864886f70d010105'), nothing),
};

function name(cn: string, tag: number): Buffer {
  const attribute = der(0x30, oid('550403'), der(tag, Buffer.from(cn)));
  return der(0x30, der(0x31, der(0x30, oid('55040a'), der(0x0c, Buffer.from('Org')))), der(0x31, attribute));
}

/** DER. Valid from 2026 to 2036 where nothing else is said. */
export function certificate(options: CertificateOptions): Buffer {
  const { cn, key, issuer = key, notBefore = '260101000000Z', notAfter = '360101000000Z', version = 3 } = options;
  const algorithm = ALGORITHMS[`${issuer.asymmetricKeyType ?? ''} ${options.hash ?? 'sha256'}`]!;
  const time = (text: string): Buffer => der(text.length === 13 ? 0x17 : 0x18, Buffer.from(text));
  const subject = name(cn, options.nameTag ?? 0x0c);
  const constraints = der(0x30, ...(options.isCa === true ? [der(0x01, Buffer.of(0xff))] : []));
  const extension = der(0x30, oid('551d13'), der(0x01, Buffer.of(0xff)), der(0x04, constraints));
  const tbs = der(
    0x30,
    ...(version === 3 ? [der(0xa0, der(0x02, Buffer.of(2)))] : []),
    der(0x02, Buffer.of(0x0a, 0x0b)),
    algorithm,
    name('Issuer', 0x0c),
    der(0x30, time(notBefore), time(notAfter)),
    subject,
    createPublicKey(key).export({ format: 'der', type: 'spki' }),
    ...(version === 3 ? [der(0xa3, der(0x30, extension))] : []),
  );
  const signature = sign(options.hash ?? 'sha256', tbs, issuer);
  return der(0x30, tbs, algorithm, der(0x03, Buffer.of(0), signature));
}

/** As Go's encoder and OpenSSL write it. */
export function pem(...certificates: readonly Uint8Array[]): string {
  return certificates
    .map((bytes) => {
      const lines =
        Buffer.from(bytes)
          .toString('base64')
          .match(/.{1,64}/gu) ?? [];
      return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
    })
    .join('');
}
