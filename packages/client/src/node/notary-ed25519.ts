import { createDecipheriv, createHash, createPrivateKey, createPublicKey, pbkdf2Sync } from 'node:crypto';
import { derElement, derInteger, DerReader, TAG } from '../tuf/der.js';
import { base64Decode, equalBytes, hexEncode } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import { OID, ROUNDS } from './notary-key.js';

/** Notary's own object identifier for Ed25519, from before there was the one of RFC 8410. */
const NOTARY_ED25519 = '2b06010401da470f01';
const [PUBLIC_BYTES, SEED_BYTES] = [32, 32];
/** PKCS#8 of RFC 8410, up to the seed. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

const BLOCK =
  /^-----BEGIN ([A-Z0-9 ]+)-----\n(?:Proc-Type: [^\n]*\n)?(?:DEK-Info: AES-256-CBC,([0-9A-Fa-f]{32})\n)?\n?([A-Za-z0-9+/=\n]+)-----END/u;

/**
 * A PEM Ed25519 key as Notary writes it (public key, seed and public key again, where others have the seed alone), as PKCS#8;
 * undefined for anything else, or where the passphrase does not open it.
 * @throws CountersignError `unsealed` where it is opened, and its halves do not belong together
 */
export function readNotaryEd25519(pem: string, passphrase: string): Uint8Array | undefined {
  const [, label, iv, body = ''] = BLOCK.exec(pem.trimStart()) ?? [];
  const bytes = base64Decode(body.replaceAll('\n', ''));
  if (bytes === undefined) return undefined;
  const opened = open(label, bytes, iv, passphrase);
  if (opened?.length !== 2 * PUBLIC_BYTES + SEED_BYTES) return undefined;
  const pkcs8 = Buffer.concat([PKCS8_PREFIX, opened.subarray(PUBLIC_BYTES, PUBLIC_BYTES + SEED_BYTES)]);
  const key = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
  const real = key.export({ format: 'der', type: 'spki' }).subarray(-PUBLIC_BYTES);
  const said = [opened.subarray(0, PUBLIC_BYTES), opened.subarray(-PUBLIC_BYTES)];
  if (said.every((half) => equalBytes(half, real))) return pkcs8;
  throw new CountersignError('unsealed', 'the halves of the private key do not belong together', {
    next: 'Restore the key file from a backup.',
  });
}

/** The PKCS#8 of an Ed25519 key as Notary's clients read it, of the usual one. */
export function toNotaryEd25519(pkcs8: Uint8Array, spki: Uint8Array): Uint8Array {
  const key = spki.subarray(-PUBLIC_BYTES);
  const blob = Buffer.concat([key, pkcs8.subarray(PKCS8_PREFIX.length, PKCS8_PREFIX.length + SEED_BYTES), key]);
  const algorithm = derElement(TAG.sequence, derElement(TAG.oid, Buffer.from(NOTARY_ED25519, 'hex')));
  return derElement(TAG.sequence, derInteger(Uint8Array.of(0)), algorithm, derElement(TAG.octetString, blob));
}

/** What is in the block: 96 bytes, of such a key. */
function open(
  label: string | undefined,
  bytes: Uint8Array,
  iv: string | undefined,
  passphrase: string,
): Uint8Array | undefined {
  switch (label) {
    case 'ED25519 PRIVATE KEY':
      return iv === undefined ? bytes : decrypt(bytes, legacyKey(passphrase, iv), Buffer.from(iv, 'hex'));
    case 'PRIVATE KEY':
      return ifDer(() => blobIn(bytes));
    case 'ENCRYPTED PRIVATE KEY':
      return ifDer(() => {
        const opened = decryptPbes2(bytes, passphrase);
        return opened === undefined ? undefined : blobIn(opened);
      });
    default:
      return undefined;
  }
}

/** OpenSSL's old way from a passphrase to a key, by MD5. */
function legacyKey(passphrase: string, iv: string): Uint8Array {
  const salt = Buffer.from(iv.slice(0, 16), 'hex');
  const round = (before: Uint8Array): Buffer =>
    createHash('md5').update(before).update(passphrase).update(salt).digest();
  const first = round(new Uint8Array(0));
  return Buffer.concat([first, round(first)]);
}

function decryptPbes2(bytes: Uint8Array, passphrase: string): Uint8Array | undefined {
  const info = new DerReader(bytes).enter(TAG.sequence);
  const scheme = info.enter(TAG.sequence);
  if (!isOid(scheme, OID.pbes2)) return undefined;
  const [encrypted, parameters] = [info.read(TAG.octetString), scheme.enter(TAG.sequence)];
  const kdf = parameters.enter(TAG.sequence);
  const cipher = parameters.enter(TAG.sequence);
  if (!isOid(kdf, OID.pbkdf2) || !isOid(cipher, OID.aes256Cbc)) return undefined;
  const how = kdf.enter(TAG.sequence);
  const salt = how.read(TAG.octetString);
  // Another count or hash is not Notary's.
  if (Number.parseInt(hexEncode(how.positiveInteger()), 16) !== ROUNDS || !how.atEnd) return undefined;
  return decrypt(encrypted, pbkdf2Sync(passphrase, salt, ROUNDS, 32, 'sha1'), cipher.read(TAG.octetString));
}

function isOid(reader: DerReader, oid: string): boolean {
  return hexEncode(reader.read(TAG.oid)) === oid;
}

function decrypt(bytes: Uint8Array, key: Uint8Array, iv: Uint8Array): Uint8Array | undefined {
  try {
    const decipher = createDecipheriv('aes-256-cbc', key, iv);
    return Buffer.concat([decipher.update(bytes), decipher.final()]);
  } catch {
    // Another passphrase.
    return undefined;
  }
}

function blobIn(pkcs8: Uint8Array): Uint8Array | undefined {
  const info = new DerReader(pkcs8).enter(TAG.sequence);
  info.read(TAG.integer);
  return isOid(info.enter(TAG.sequence), NOTARY_ED25519) ? info.read(TAG.octetString) : undefined;
}

function ifDer<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof CountersignError) return undefined;
    throw error;
  }
}
