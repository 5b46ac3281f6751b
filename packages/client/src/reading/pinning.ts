import { digest, type Crypto } from '../tuf/crypto.js';
import { hexEncode } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import type { Format } from '../tuf/formats/format.js';
import { detectFormat } from '../tuf/formats/index.js';
import type { PublicKey, Root } from '../tuf/model.js';
import { ROOT, type Instant, type Version } from '../tuf/names.js';
import type { WantedFile } from '../tuf/refresh.js';

/** Certificate authorities that may vouch for a root whose keys are certificates (Notary v1's trust pinning by CA). */
export interface CertificateAuthority {
  /** Equal for the same authorities. */
  readonly fingerprint: string;
  /**
   * Whether a chain of signatures leads from the first of `certificates` (DER), over others of them, to one of the
   * authorities, and all of it is valid at `now`. What cannot be read is false, never an exception.
   */
  vouchesFor(certificates: readonly Uint8Array[], now: Instant): boolean;
}

/**
 * Why a client believes its first root (§5.2). `file` and `fingerprint` come to the user by another way than the repository;
 * so does the `authority`. `trust-on-first-use` believes whatever the repository shows first. A `fingerprint` is that of a
 * root file, or of one of its root keys: the key's id, Notary's canonical id of it, or the SHA-256 of its certificate. By a
 * key, only the signatures of that key count. What is `recorded` is a root that was verified when it was written down.
 */
export type FirstTrust =
  | { readonly kind: 'file' | 'recorded'; readonly raw: Uint8Array }
  | { readonly kind: 'fingerprint'; readonly fingerprint: string }
  | { readonly kind: 'authority'; readonly authority: CertificateAuthority }
  | { readonly kind: 'trust-on-first-use' };

/** Fetches one root file; undefined where the repository has none. */
export type FetchRoot = (file: WantedFile) => Promise<Uint8Array | undefined>;

/** The root to start from, and which of its keys may count; any of them where that is undefined. */
export interface FirstRoot {
  readonly raw: Uint8Array;
  readonly believed?: (key: PublicKey) => boolean;
  /** `previous`: it was verified before; certificates of its keys may have expired since. */
  readonly as?: 'previous';
}

/** How many versions are looked at for one with the pinned fingerprint. */
const MAX_ROOTS = 256;
/** How many of them an error names. */
const MAX_TOLD = 3;

/** `sha256:<64 lower-case hex digits>` of a root file's exact bytes. */
export function fingerprint(raw: Uint8Array, crypto: Pick<Crypto, 'hash'>): string {
  return `sha256:${hexEncode(digest(crypto, 'sha256', raw))}`;
}

/**
 * 64 hex digits in either case, with `sha256:` before them or, as `sha256sum` prints them, without.
 * @throws CountersignError `usage` for anything else
 */
function parseFingerprint(text: string): string {
  const digits = /^(?:sha256:)?([0-9a-f]{64})$/iu.exec(text)?.[1];
  if (digits !== undefined) return `sha256:${digits.toLowerCase()}`;
  throw new CountersignError('usage', `${JSON.stringify(text.slice(0, 100))} is not a root fingerprint`, {
    next: 'Give sha256: and 64 hexadecimal digits, as `countersign inspect` prints them.',
  });
}

/** What `trust` pins, as it is remembered beside the root; undefined where any root will do. */
export function pinned(trust: FirstTrust | undefined, crypto: Pick<Crypto, 'hash'>): string | undefined {
  if (trust?.kind === 'file' || trust?.kind === 'recorded') return fingerprint(trust.raw, crypto);
  if (trust?.kind === 'authority') return `authority ${trust.authority.fingerprint}`;
  return trust?.kind === 'fingerprint' ? parseFingerprint(trust.fingerprint) : undefined;
}

/**
 * The bytes of the root to start from. They are only chosen here; whether they are a valid root, signed by keys that are
 * believed, is checked after.
 * @throws CountersignError `untrusted-root`, `not-found`
 */
export async function firstRoot(
  trust: FirstTrust | undefined,
  fetchRoot: FetchRoot,
  { crypto, now }: { readonly crypto: Pick<Crypto, 'hash'>; readonly now: Instant },
): Promise<FirstRoot> {
  switch (trust?.kind) {
    case 'file':
      return { raw: trust.raw };
    case 'recorded':
      return { raw: trust.raw, as: 'previous' };
    case 'fingerprint':
      return matching(parseFingerprint(trust.fingerprint), fetchRoot, crypto);
    case 'authority':
      return vouchedFor(trust.authority, await shownFirst(fetchRoot), now);
    case 'trust-on-first-use':
      return { raw: await shownFirst(fetchRoot) };
    case undefined:
      throw new CountersignError('untrusted-root', 'there is no trusted root for this collection yet', {
        next: 'Give --root FILE or --root-fingerprint sha256:…, as the publisher tells you; or --trust-on-first-use.',
      });
  }
}

async function matching(wanted: string, fetchRoot: FetchRoot, crypto: Pick<Crypto, 'hash'>): Promise<FirstRoot> {
  /** By fingerprint: the current root has a version too. */
  const found = new Map<string, string>();
  let byKey: (FirstRoot & { readonly version: Version }) | undefined;
  for await (const { raw, label } of roots(fetchRoot)) {
    const actual = fingerprint(raw, crypto);
    if (actual === wanted) return { raw };
    if (!found.has(actual)) found.set(actual, `${label} ${actual}`);
    const read = readRoot(raw);
    if (read === undefined) continue;
    const believed = (key: PublicKey): boolean => fingerprintsOf(key, read.format, crypto).includes(wanted);
    const isNewer = byKey === undefined || read.root.version > byKey.version;
    if (isNewer && rootKeys(read.root).some(believed)) byKey = { raw, believed, version: read.root.version };
  }
  if (byKey !== undefined) return byKey;
  throw mismatch(wanted, [...found.values()]);
}

function mismatch(wanted: string, roots: readonly string[]): CountersignError {
  const found = roots.slice(-MAX_TOLD);
  const all =
    roots.length === 1
      ? 'the only root of the repository has not'
      : `none of the repository's ${roots.length} roots has`;
  const last = found.length < roots.length ? `; the last ${found.length}` : '';
  return new CountersignError(
    'untrusted-root',
    roots.length === 0
      ? `the repository has no root; none can have the fingerprint ${wanted}`
      : `${all} the fingerprint ${wanted}, nor a root key that has it${last}`,
    {
      detail: { fingerprint: wanted, found },
      next: 'Check the name and the fingerprint with the publisher, not with the server.',
    },
  );
}

/** All roots there are, but for those in front of a gap. */
async function* roots(fetchRoot: FetchRoot): AsyncGenerator<{ readonly raw: Uint8Array; readonly label: string }> {
  let last = 0;
  for (let version = 1; version <= MAX_ROOTS; version += 1) {
    const raw = await fetchRoot({ role: ROOT, version: version as Version });
    if (raw === undefined) break;
    last = version;
    yield { raw, label: `version ${version}` };
  }
  const current = await fetchRoot({ role: ROOT });
  if (current === undefined) return;
  yield { raw: current, label: 'current' };
  if (last > 0) return;
  // A collection that was made again goes on above its old versions, and has no version 1.
  const newest = readRoot(current)?.root.version ?? 1;
  for (let version = newest - 1; version > Math.max(0, newest - MAX_ROOTS); version -= 1) {
    const raw = await fetchRoot({ role: ROOT, version: version as Version });
    if (raw === undefined) return;
    yield { raw, label: `version ${version}` };
  }
}

/** What a root key may be pinned by. Never the id a document lists it under, which need not be its own. */
function fingerprintsOf(key: PublicKey, format: Format, crypto: Pick<Crypto, 'hash'>): readonly string[] {
  const { scheme, spki, idPreimage, certificates } = key;
  if (scheme === undefined) return [];
  const [certificate] = certificates ?? [];
  return [
    `sha256:${format.keyId({ scheme, spki }, crypto)}`,
    ...[idPreimage, certificate].flatMap((bytes) => (bytes === undefined ? [] : [fingerprint(bytes, crypto)])),
  ];
}

function vouchedFor(authority: CertificateAuthority, raw: Uint8Array, now: Instant): FirstRoot {
  const believed = ({ certificates }: PublicKey): boolean =>
    certificates !== undefined && authority.vouchesFor(certificates, now);
  const root = readRoot(raw)?.root;
  if (root === undefined || rootKeys(root).some(believed)) return { raw, believed };
  throw new CountersignError(
    'untrusted-root',
    `no root key of root version ${root.version} has a certificate that the given authority vouches for`,
    { next: 'Check the name, and the authority with the publisher.' },
  );
}

async function shownFirst(fetchRoot: FetchRoot): Promise<Uint8Array> {
  const first = await fetchRoot({ role: ROOT, version: 1 as Version });
  const isEnough = first !== undefined && readRoot(first)?.format.rules.firstRoot !== 'current';
  const raw = isEnough ? first : ((await fetchRoot({ role: ROOT })) ?? first);
  if (raw !== undefined) return raw;
  throw new CountersignError('not-found', 'the repository has no root', {
    detail: { found: [] },
    next: "Check the collection's name and the server's address.",
  });
}

/** Undefined where it cannot be read: whoever starts from it says why. */
function readRoot(raw: Uint8Array): { readonly format: Format; readonly root: Root } | undefined {
  try {
    const format = detectFormat(raw);
    return { format, root: format.parseRoot(raw).signed };
  } catch (error) {
    if (error instanceof CountersignError) return undefined;
    throw error;
  }
}

function rootKeys({ keys, roles }: Root): readonly PublicKey[] {
  return roles.root.keyIds.flatMap((id) => keys.get(id) ?? []);
}
