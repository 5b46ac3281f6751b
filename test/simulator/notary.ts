import { constants, createHash, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { canonical, table } from './documents.js';
import { certificate, newCertificateKey, pem, type CertificateOptions } from './x509.js';

/** Notary v1 documents as anybody may write them: plain, mutable, and made without the code under test. */

export const GUN = 'example.com/team/app';
export const NOW = Date.parse('2030-01-01T00:00:00Z');
export const LATER = '2031-01-01T00:00:00.123456789Z';

export interface NotarySignature {
  keyid?: string;
  method?: string | null;
  sig?: string | null;
}

export interface NotaryKey {
  readonly id: string;
  /** As metadata lists it. */
  readonly json: { keytype: string; keyval: { private: null; public: string } };
  readonly sign: (text: string) => NotarySignature;
}

export function keyId(json: NotaryKey['json']): string {
  const { keytype, keyval } = json;
  return sha256(canonical({ keytype, keyval: { private: null, public: keyval.public } }));
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Any listed form of a private key, with the method that goes with it unless another is named. */
export function notaryKey(
  privateKey: KeyObject,
  options: { keytype?: string; content?: Uint8Array | string; method?: string } = {},
): NotaryKey {
  const type = privateKey.asymmetricKeyType;
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const plain = { ec: 'ecdsa', rsa: 'rsa', ed25519: 'ed25519' }[type as 'ec' | 'rsa' | 'ed25519'];
  const content = options.content ?? (type === 'ed25519' ? spki.subarray(-32) : spki);
  const json = {
    keytype: options.keytype ?? plain,
    keyval: { private: null, public: Buffer.from(content).toString('base64') },
  };
  const id = keyId(json);
  const method = options.method ?? { ec: 'ecdsa', rsa: 'rsapss', ed25519: 'eddsa' }[type as 'ec' | 'rsa' | 'ed25519'];
  return {
    id,
    json,
    sign: (text) => ({ keyid: id, method, sig: signBy(privateKey, method, text).toString('base64') }),
  };
}

export function signBy(key: KeyObject, method: string, text: string): Buffer {
  const bytes = Buffer.from(text);
  if (method === 'rsapkcs1v15') return sign('sha256', bytes, key);
  if (method === 'rsapss')
    return sign('sha256', bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
  return key.asymmetricKeyType === 'ed25519'
    ? sign(null, bytes, key)
    : sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' });
}

export function newNotaryKey(type: 'P-256' | 'P-384' | 'P-521' | 'rsa' | 'ed25519' = 'P-256'): NotaryKey {
  if (type === 'ed25519') return notaryKey(generateKeyPairSync('ed25519').privateKey);
  if (type === 'rsa') return notaryKey(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
  return notaryKey(generateKeyPairSync('ec', { namedCurve: type }).privateKey);
}

/** A key listed as its certificate, with others behind it. */
export function certifiedKey(
  options: Partial<CertificateOptions> & { readonly chain?: readonly Uint8Array[]; readonly content?: string } = {},
): NotaryKey {
  const key = options.key ?? newCertificateKey();
  const own = certificate({ cn: GUN, ...options, key });
  return notaryKey(key, {
    keytype: key.asymmetricKeyType === 'rsa' ? 'rsa-x509' : 'ecdsa-x509',
    content: options.content ?? pem(own, ...(options.chain ?? [])),
  });
}

export interface NotaryRole {
  keyids: string[] | null;
  threshold: number;
}

export interface NotaryDelegation extends NotaryRole {
  name: string;
  paths?: string[] | null;
}

export interface NotaryDoc {
  _type: string;
  expires: string;
  version: number;
  [member: string]: unknown;
}

export interface NotaryTargets extends NotaryDoc {
  targets: Record<string, unknown>;
  delegations?: { keys: Record<string, unknown> | null; roles: NotaryDelegation[] | null };
}

export function rootDoc(
  keys: Record<'root' | 'timestamp' | 'snapshot' | 'targets', NotaryKey>,
  version = 1,
): NotaryDoc {
  const listed = table<unknown>();
  const roles = table<NotaryRole>();
  for (const [role, key] of Object.entries(keys)) {
    listed[key.id] = key.json;
    roles[role] = { keyids: [key.id], threshold: 1 };
  }
  return { _type: 'Root', consistent_snapshot: false, expires: LATER, keys: listed, roles, version };
}

export function targetsDoc(targets: Record<string, unknown> = {}, version = 1): NotaryTargets {
  return { _type: 'Targets', delegations: { keys: {}, roles: [] }, expires: LATER, targets, version };
}

export function target(content: string): { hashes: Record<string, string>; length: number } {
  return entry(Buffer.from(content));
}

/** What a snapshot or timestamp lists of a file. */
export function entry(raw: Uint8Array): { hashes: Record<string, string>; length: number } {
  return { hashes: { sha256: createHash('sha256').update(raw).digest('base64') }, length: raw.length };
}

/** The file, in Go's member order though not in its escapes. */
export function signed(document: unknown, ...keys: readonly NotaryKey[]): Buffer {
  const text = canonical(document);
  return file(text, ...keys.map((key) => key.sign(text)));
}

export function file(text: string, ...signatures: readonly NotarySignature[]): Buffer {
  return Buffer.from(`{"signed":${text},"signatures":${JSON.stringify(signatures)}}`);
}
