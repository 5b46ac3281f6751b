import { createCipheriv, pbkdf2Sync, randomBytes } from 'node:crypto';
import { derElement, derInteger, TAG } from '../tuf/der.js';
import { CountersignError } from '../tuf/errors.js';

/** What Notary's key files say of a key beside the key. */
export interface KeyLabels {
  /** The role it signs for; of a signer's key in `docker trust`, the signer. */
  readonly role?: string;
  /** The one collection it belongs to. */
  readonly gun?: string;
}

/** Characters; no role or collection has a longer name. */
const MAX_LABEL = 1024;

const HEADERS = /^(-----BEGIN [A-Z0-9 ]+-----\n)((?:[A-Za-z-]+: [^\n]*\n)+)\n?/u;
/** What OpenSSL needs to open a key of the old form; other headers it stumbles over. */
const ENCRYPTION = ['Proc-Type', 'DEK-Info'];

/** A PEM key of Notary's, as OpenSSL reads it, and what its headers said. Text without headers comes back as it is. */
export function readLabels(text: string): { readonly pem: string; readonly labels: KeyLabels } {
  const pem = text.replaceAll('\r\n', '\n').trimStart();
  const [whole, begin, block] = HEADERS.exec(pem) ?? [];
  if (whole === undefined || begin === undefined || block === undefined) return { pem: text, labels: {} };
  const headers = new Map(
    block.split('\n').map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, Math.max(colon, 0)), line.slice(colon + 2).trim()];
    }),
  );
  const kept = ENCRYPTION.filter((name) => headers.has(name)).map((name) => `${name}: ${headers.get(name) ?? ''}\n`);
  const rest = pem.slice(whole.length);
  return {
    pem: `${begin}${kept.join('')}${kept.length > 0 ? '\n' : ''}${rest}`,
    labels: labelsOf(headers.get('role'), headers.get('gun')),
  };
}

/** Labels as they may be kept: what is no name is left out. */
export function labelsOf(role: unknown, gun: unknown): KeyLabels {
  return { ...(isLabel(role) ? { role } : {}), ...(isLabel(gun) ? { gun } : {}) };
}

function isLabel(text: unknown): text is string {
  return typeof text === 'string' && text !== '' && text.length <= MAX_LABEL && !/[\u0000-\u001f\u007f]/u.test(text);
}

export const OID = {
  pbes2: '2a864886f70d01050d',
  pbkdf2: '2a864886f70d01050c',
  aes256Cbc: '60864801650304012a',
} as const;
/** The only profile Notary's clients read: no other count, hash or cipher. */
export const ROUNDS = 2048;

/**
 * A key as Notary's clients keep and import it: PEM PKCS#8, encrypted by PBES2 with PBKDF2-HMAC-SHA1 and AES-256-CBC, with
 * `labels` and the key's canonical id as headers.
 * @throws CountersignError `usage` where the passphrase is empty
 */
export function writeNotaryKey(pkcs8: Uint8Array, passphrase: string, id: string, labels: KeyLabels): string {
  if (passphrase === '') throw new CountersignError('usage', 'a key is not exported under an empty passphrase');
  const [salt, iv] = [randomBytes(8), randomBytes(16)];
  const cipher = createCipheriv('aes-256-cbc', pbkdf2Sync(passphrase, salt, ROUNDS, 32, 'sha1'), iv);
  const encrypted = Buffer.concat([cipher.update(pkcs8), cipher.final()]);
  const kdf = sequence(oid(OID.pbkdf2), sequence(octets(salt), derInteger(Uint8Array.of(ROUNDS >> 8, ROUNDS & 0xff))));
  const scheme = sequence(oid(OID.pbes2), sequence(kdf, sequence(oid(OID.aes256Cbc), octets(iv))));
  const body = Buffer.from(sequence(scheme, octets(encrypted))).toString('base64');
  const headers = Object.entries({ gun: labels.gun, path: id, role: labels.role }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  const lines = body.match(/.{1,64}/gu) ?? [];
  const name = 'ENCRYPTED PRIVATE KEY';
  return [`-----BEGIN ${name}-----`, ...headers, '', ...lines, `-----END ${name}-----`, ''].join('\n');
}

function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return derElement(TAG.sequence, ...parts);
}

function octets(bytes: Uint8Array): Uint8Array {
  return derElement(TAG.octetString, bytes);
}

function oid(hex: string): Uint8Array {
  return derElement(TAG.oid, Buffer.from(hex, 'hex'));
}
