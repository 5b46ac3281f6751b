import { DerReader, explicitTag, TAG } from './der.js';
import { equalBytes, hexEncode, utf8Decode } from './encoding.js';
import { CountersignError } from './errors.js';
import { utcInstant, type Instant } from './names.js';

/** What is read of an X.509 certificate. Nothing of it is verified: a certificate here is only the form of a key. */
export interface Certificate {
  /** DER SubjectPublicKeyInfo, as it stands. */
  readonly spki: Uint8Array;
  /** The subject's last common name, the one Go reads; undefined where there is none or it is no text of Unicode. */
  readonly commonName: string | undefined;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** Basic constraints say `CA:TRUE`. */
  readonly isCa: boolean;
  /** Signed over a SHA-2 hash or by Ed25519: not by SHA-1 or MD5, nor in a way this build does not know. */
  readonly stronglySigned: boolean;
}

/** Object identifiers by the hexadecimal of their DER content. */
const OID = { commonName: '550403', basicConstraints: '551d13', rsaPss: '2a864886f70d01010a' } as const;
const SHA2: ReadonlySet<string> = new Set(['608648016503040201', '608648016503040202', '608648016503040203']);
const STRONG: ReadonlySet<string> = new Set([
  '2a864886f70d01010b', // sha256WithRSAEncryption
  '2a864886f70d01010c', // sha384WithRSAEncryption
  '2a864886f70d01010d', // sha512WithRSAEncryption
  '2a8648ce3d040302', // ecdsa-with-SHA256
  '2a8648ce3d040303', // ecdsa-with-SHA384
  '2a8648ce3d040304', // ecdsa-with-SHA512
  '2b6570', // Ed25519
]);
/** In `version [0]`: 0 is version 1, and only version 3 has extensions. */
const VERSION_3 = 2;

function fail(why: string): never {
  throw new CountersignError('malformed', `not a certificate this build can read: ${why}`);
}

/**
 * Reads a DER certificate (RFC 5280 §4.1) of attacker-controlled bytes, strictly.
 * @throws CountersignError `malformed`
 */
export function parseCertificate(der: Uint8Array): Certificate {
  const outer = new DerReader(der);
  const certificate = outer.enter(TAG.sequence);
  outer.end();
  const tbs = certificate.enter(TAG.sequence);
  const algorithm = certificate.element();
  certificate.octetsOfBitString();
  certificate.end();

  const version = readVersion(tbs);
  tbs.read(TAG.integer); // serial number
  if (!equalBytes(tbs.element(), algorithm)) fail('it names two signature algorithms');
  tbs.read(TAG.sequence); // issuer
  const validity = tbs.enter(TAG.sequence);
  const [notBefore, notAfter] = [readTime(validity), readTime(validity)];
  validity.end();
  const commonName = readCommonName(tbs.enter(TAG.sequence));
  if (tbs.peek() !== TAG.sequence) fail('it holds no key');
  const spki = tbs.element();
  const isCa = readExtensions(tbs, version);
  return { spki, commonName, notBefore, notAfter, isCa, stronglySigned: isStrong(algorithm) };
}

function readVersion(tbs: DerReader): number {
  const field = tbs.enterIf(explicitTag(0));
  if (field === undefined) return 0;
  const content = field.read(TAG.integer);
  field.end();
  const version = content[0] ?? 0;
  return content.length === 1 && version >= 1 && version <= VERSION_3 ? version : fail('an unknown version');
}

function isStrong(algorithm: Uint8Array): boolean {
  const reader = new DerReader(algorithm).enter(TAG.sequence);
  const oid = hexEncode(reader.read(TAG.oid));
  if (oid !== OID.rsaPss) return STRONG.has(oid);
  // RSASSA-PSS names its hash in the parameters; left out it is SHA-1 (RFC 4055 §3.1).
  const hash = reader.enterIf(TAG.sequence)?.enterIf(explicitTag(0))?.enter(TAG.sequence);
  return hash !== undefined && SHA2.has(hexEncode(hash.read(TAG.oid)));
}

const UTC_TIME = /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/u;
const GENERALIZED_TIME = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/u;

function readTime(validity: DerReader): Instant {
  const isShort = validity.peek() === TAG.utcTime;
  const content = validity.read(isShort ? TAG.utcTime : TAG.generalizedTime);
  const match = (isShort ? UTC_TIME : GENERALIZED_TIME).exec(utf8Decode(content));
  if (match === null) return fail('a time is not in whole seconds and UTC');
  const parts = match.slice(1).map(Number) as [number, number, number, number, number, number];
  // Two digits from 50 up are of the twentieth century (RFC 5280 §4.1.2.5.1).
  if (isShort) parts[0] += parts[0] < 50 ? 2000 : 1900;
  return utcInstant(...parts) ?? fail('a time is not in the calendar');
}

function readCommonName(name: DerReader): string | undefined {
  let found: string | undefined;
  while (!name.atEnd) {
    const set = name.enter(TAG.set);
    while (!set.atEnd) {
      const attribute = set.enter(TAG.sequence);
      const type = hexEncode(attribute.read(TAG.oid));
      const value = attribute.element();
      attribute.end();
      if (type === OID.commonName) found = readText(value);
    }
  }
  return found;
}

function readText(element: Uint8Array): string | undefined {
  const reader = new DerReader(element);
  const tag = reader.peek();
  if (tag !== TAG.utf8String && tag !== TAG.printableString && tag !== TAG.ia5String) return undefined;
  const content = reader.read(tag);
  if (tag !== TAG.utf8String && content.some((byte) => byte >= 0x80)) return fail('a name is not in its own alphabet');
  return utf8Decode(content);
}

/** What stands behind the key; says whether the basic constraints make this a CA. */
function readExtensions(tbs: DerReader, version: number): boolean {
  // Unique ids of issuer and subject, [1] and [2], implicit BIT STRINGs that nobody uses.
  for (const tag of [0x81, 0x82]) if (tbs.peek() === tag) tbs.read(tag);
  const field = tbs.enterIf(explicitTag(3));
  tbs.end();
  if (field === undefined) return false;
  if (version !== VERSION_3) fail('it has extensions without being version 3');
  const extensions = field.enter(TAG.sequence);
  field.end();
  const seen = new Set<string>();
  let isCa = false;
  while (!extensions.atEnd) {
    const extension = extensions.enter(TAG.sequence);
    const oid = hexEncode(extension.read(TAG.oid));
    extension.optionalBoolean(); // critical
    const value = extension.read(TAG.octetString);
    extension.end();
    if (seen.has(oid)) fail('it has an extension twice');
    seen.add(oid);
    if (oid === OID.basicConstraints) isCa = readBasicConstraints(value);
  }
  return isCa;
}

function readBasicConstraints(value: Uint8Array): boolean {
  const outer = new DerReader(value);
  const constraints = outer.enter(TAG.sequence);
  outer.end();
  const isCa = constraints.optionalBoolean();
  if (!constraints.atEnd) constraints.read(TAG.integer); // longest path
  constraints.end();
  return isCa;
}
