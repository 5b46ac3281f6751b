import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CountersignError, pemCertificates, pemEncode } from '@countersign/client/tuf';
import { parseCertificate } from '../../packages/client/src/tuf/x509.js';
import { certificate, newCertificateKey, pem } from '../simulator/x509.js';
import keyVectors from '../vectors/notary-1/keys.json' with { type: 'json' };

const key = newCertificateKey();
const rsa = newCertificateKey('rsa');

/** The certificates of the captured collections: of the notary command, of OpenSSL, EC and RSA. */
const real = keyVectors
  .filter(({ keytype }) => keytype.endsWith('-x509'))
  .map((vector) => pemCertificates(Buffer.from(vector.public, 'base64').toString())![0]!);

describe('a certificate', () => {
  it('is read with what rules about root keys need', () => {
    const read = parseCertificate(certificate({ cn: 'example.com/ä', key, notAfter: '20520229120000Z' }));
    expect(read).toMatchObject({
      commonName: 'example.com/ä',
      notBefore: Date.parse('2026-01-01T00:00:00Z'),
      notAfter: Date.parse('2052-02-29T12:00:00Z'),
      isCa: false,
      stronglySigned: true,
    });
    const ca = parseCertificate(certificate({ cn: 'CA', key, isCa: true, notBefore: '991231235959Z' }));
    expect(ca).toMatchObject({ isCa: true, notBefore: Date.parse('1999-12-31T23:59:59Z') });
  });

  it.each([
    ['ECDSA', key],
    ['RSA', rsa],
  ])('signed over SHA-1 by %s is known for it', (_, signer) => {
    expect(parseCertificate(certificate({ cn: 'x', key: signer, hash: 'sha1' })).stronglySigned).toBe(false);
    expect(parseCertificate(certificate({ cn: 'x', key: signer })).stronglySigned).toBe(true);
  });

  it('of version 1 is no CA', () => {
    expect(parseCertificate(certificate({ cn: 'x', key, version: 1 }))).toMatchObject({ commonName: 'x', isCa: false });
  });

  it('whose name is in an alphabet nobody reads has no name', () => {
    expect(parseCertificate(certificate({ cn: 'abcd', key, nameTag: 0x1e })).commonName).toBeUndefined();
  });

  it.each([
    ['a day that does not exist', { notAfter: '270229000000Z' }],
    ['a time with a fraction', { notAfter: '20270228000000.5Z' }],
    ['a time in another zone', { notAfter: '20270228000000+0100' }],
    ['letters outside the alphabet they are said to be of', { cn: 'ä', nameTag: 0x13 }],
    ['a name that is not UTF-8', { cn: '\ud800', nameTag: 0x16 }],
  ])('with %s is refused', (_, options) => {
    expect(() => parseCertificate(certificate({ cn: 'x', key, ...options }))).toThrow(CountersignError);
  });

  it('with bytes behind it is refused', () => {
    const bytes = Buffer.concat([certificate({ cn: 'x', key }), Buffer.of(0)]);
    expect(() => parseCertificate(bytes)).toThrow(CountersignError);
  });

  it('was captured from real clients in every form they write', () => {
    expect(real.length).toBeGreaterThan(5);
    for (const der of real) expect(parseCertificate(der).stronglySigned).toBe(true);
  });
});

/** Reads or refuses, and nothing else: no other error, no endless loop. */
function reads(bytes: Uint8Array): void {
  try {
    parseCertificate(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(CountersignError);
  }
}

describe('the reader of certificates', () => {
  it('survives any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), reads), { numRuns: 2000 });
    const nested = fc.uint8Array({ maxLength: 60 }).map((tail) => Uint8Array.of(0x30, 0x82, 0x01, 0x00, ...tail));
    fc.assert(fc.property(nested, reads), { numRuns: 1000 });
  });

  it('survives real certificates with bytes changed, cut out and put in', () => {
    const change = fc.record({ at: fc.nat(), drop: fc.nat({ max: 3 }), put: fc.uint8Array({ maxLength: 3 }) });
    fc.assert(
      fc.property(fc.constantFrom(...real), fc.array(change, { minLength: 1, maxLength: 4 }), (der, changes) => {
        const bytes = [...der];
        for (const { at, drop, put } of changes) bytes.splice(at % bytes.length, drop, ...put);
        reads(Uint8Array.from(bytes));
      }),
      { numRuns: 3000 },
    );
  });

  it('survives every certificate cut short', () => {
    for (const der of real.slice(0, 2)) {
      for (let end = 0; end < der.length; end += 1)
        expect(() => parseCertificate(der.subarray(0, end))).toThrow(CountersignError);
    }
  });
});

describe('a bundle in PEM', () => {
  const one = certificate({ cn: 'x', key });
  const text = pem(one, one);

  it('is read in its one spelling', () => {
    expect(pemCertificates(text)).toHaveLength(2);
    expect(pemEncode(one, 'CERTIFICATE')).toBe(pem(one));
  });

  it.each([
    ['nothing', ''],
    ['CRLF', text.replaceAll('\n', '\r\n')],
    ['no newline at the end', text.slice(0, -1)],
    ['text before it', `Subject: x\n${text}`],
    ['text behind it', `${text}\n`],
    ['a block of another kind', text + pemEncode(one)],
    ['lines of 76 digits', text.replaceAll('\n', '').replace(/.{76}/gu, '$&\n')],
    ['a header line', text.replace('-----\n', '-----\nProc-Type: 4\n\n')],
    ['a space', text.replace('-----\n', '----- \n')],
  ])('with %s is another one', (_, other) => {
    expect(pemCertificates(other)).toBeUndefined();
  });
});
