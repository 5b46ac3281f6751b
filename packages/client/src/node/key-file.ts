import { createPublicKey } from 'node:crypto';
import type { BareKey } from '../tuf/formats/format.js';
import { equalBytes } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import type { KeyScheme } from '../tuf/model.js';
import { labelsOf, readLabels, type KeyLabels } from './notary-key.js';
import { readNotaryEd25519 } from './notary-ed25519.js';
import { fromPem, fromPkcs8, type PrivateKey } from './private-key.js';
import { readSealed, seal, unseal, type ScryptParams, type Sealed } from './sealed.js';

/** A private key at rest. What is not secret is readable without the passphrase. */
export interface KeyFile extends KeyLabels {
  readonly keytype: string;
  /** TUF's word, for example `ecdsa-sha2-nistp256`. */
  readonly scheme: string;
  /** PEM SubjectPublicKeyInfo. */
  readonly public: string;
  readonly encrypted: Sealed;
}

const SCHEMES: ReadonlyMap<string, KeyScheme> = new Map<string, KeyScheme>([
  ['ed25519', 'ed25519'],
  ['ecdsa-sha2-nistp256', 'ecdsa-p256-sha256'],
  ['ecdsa-sha2-nistp384', 'ecdsa-p384-sha384'],
  ['rsassa-pss-sha256', 'rsa-pss-sha256'],
]);

/** The file's text. The sealed plain text is PKCS#8 DER, as in cosign's key files. */
export async function writeKeyFile(
  key: PrivateKey,
  passphrase: string,
  params?: ScryptParams,
  labels: KeyLabels = {},
): Promise<string> {
  const secret = key.pkcs8();
  const file: KeyFile = {
    keytype: key.keytype,
    scheme: key.tufScheme,
    public: key.publicPem,
    ...labels,
    encrypted: await seal(secret, passphrase, params),
  };
  secret.fill(0);
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/** @throws CountersignError `unsealed` where the text is no key file */
export function parseKeyFile(text: string): KeyFile {
  const value = json(text);
  if (typeof value !== 'object' || value === null) throw damaged();
  const { keytype, scheme, public: publicPem, encrypted, role, gun } = { ...value } as Record<string, unknown>;
  if (typeof keytype !== 'string' || typeof scheme !== 'string' || typeof publicPem !== 'string') throw damaged();
  return { keytype, scheme, public: publicPem, ...labelsOf(role, gun), encrypted: readSealed(encrypted) };
}

/** The public half, as the file says; `openKeyFile` checks that the private half is its own. @throws CountersignError `unsealed` */
export function publicHalf(file: KeyFile): BareKey {
  const scheme = SCHEMES.get(file.scheme);
  if (scheme === undefined) throw damaged();
  try {
    return { scheme, spki: createPublicKey(file.public).export({ format: 'der', type: 'spki' }) };
  } catch (error) {
    throw damaged(error);
  }
}

/** @throws CountersignError `unsealed`: wrong passphrase, or a file whose halves do not belong together */
export async function openKeyFile(file: KeyFile, passphrase: string): Promise<PrivateKey> {
  const key = await openEnvelope(file.encrypted, passphrase);
  const said = publicHalf(file);
  if (said.scheme === key.key.scheme && equalBytes(said.spki, key.key.spki)) return key;
  throw damaged();
}

const COSIGN = /-----BEGIN ENCRYPTED (?:COSIGN|SIGSTORE) PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/u;

/** A private key, and what its file said of it. */
export interface ForeignKey {
  readonly key: PrivateKey;
  readonly labels: KeyLabels;
}

/**
 * A private key in any form users have: our key file, go-tuf's or cosign's envelope, or PEM (PKCS#8 plain or encrypted, or
 * of the older forms), with Notary's headers or without.
 * @throws CountersignError `unsealed`, `unsupported`
 */
export async function readForeignKey(text: string, passphrase: string): Promise<ForeignKey> {
  const isJson = text.trimStart().startsWith('{');
  const { pem, labels } = isJson ? { pem: text, labels: {} } : readLabels(text);
  if (!isJson) return { key: await readPem(pem, passphrase), labels };
  const value = json(text);
  if (typeof value === 'object' && value !== null && 'kdf' in value)
    return { key: await openEnvelope(readSealed(value), passphrase), labels };
  const file = parseKeyFile(text);
  return { key: await openKeyFile(file, passphrase), labels: labelsOf(file.role, file.gun) };
}

async function readPem(text: string, passphrase: string): Promise<PrivateKey> {
  const cosign = COSIGN.exec(text)?.[1];
  if (cosign !== undefined) return openEnvelope(readSealed(json(Buffer.from(cosign, 'base64').toString())), passphrase);
  const notary = readNotaryEd25519(text, passphrase);
  return notary === undefined ? fromPem(text, passphrase) : fromPkcs8(notary);
}

async function openEnvelope(sealed: Sealed, passphrase: string): Promise<PrivateKey> {
  const secret = await unseal(sealed, passphrase);
  try {
    return fromPkcs8(secret);
  } finally {
    secret.fill(0);
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw damaged(error);
  }
}

function damaged(cause?: unknown): CountersignError {
  return new CountersignError('unsealed', 'the key file is damaged, or not one', {
    next: 'Restore it from a backup.',
    ...(cause === undefined ? {} : { cause }),
  });
}
