import { digest, type Crypto } from './tuf/crypto.js';
import { hexEncode } from './tuf/encoding.js';
import { CountersignError } from './tuf/errors.js';
import type { WantedFile } from './tuf/refresh.js';
import { ROOT, type Version } from './tuf/names.js';

/**
 * Why a client believes its first root (§5.2). `file` and `fingerprint` come to the user by another way than the repository;
 * `trust-on-first-use` believes whatever the repository shows first.
 */
export type FirstTrust =
  | { readonly kind: 'file'; readonly raw: Uint8Array }
  | { readonly kind: 'fingerprint'; readonly fingerprint: string }
  | { readonly kind: 'trust-on-first-use' };

/** Fetches one root file; undefined where the repository has none. */
export type FetchRoot = (file: WantedFile) => Promise<Uint8Array | undefined>;

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
export function parseFingerprint(text: string): string {
  const digits = /^(?:sha256:)?([0-9a-f]{64})$/iu.exec(text)?.[1];
  if (digits !== undefined) return `sha256:${digits.toLowerCase()}`;
  throw new CountersignError('usage', `${JSON.stringify(text.slice(0, 100))} is not a root fingerprint`, {
    next: 'Give sha256: and 64 hexadecimal digits, as `countersign inspect` prints them.',
  });
}

/** The fingerprint `trust` pins; undefined where any root will do. */
export function pinned(trust: FirstTrust | undefined, crypto: Pick<Crypto, 'hash'>): string | undefined {
  if (trust?.kind === 'file') return fingerprint(trust.raw, crypto);
  return trust?.kind === 'fingerprint' ? parseFingerprint(trust.fingerprint) : undefined;
}

/**
 * The bytes of the root to start from. They are only chosen here; whether they are a valid root is checked after.
 * @throws CountersignError `untrusted-root`
 */
export async function firstRoot(
  trust: FirstTrust | undefined,
  fetchRoot: FetchRoot,
  crypto: Pick<Crypto, 'hash'>,
): Promise<Uint8Array> {
  switch (trust?.kind) {
    case 'file':
      return trust.raw;
    case 'fingerprint':
      return matching(parseFingerprint(trust.fingerprint), fetchRoot, crypto);
    case 'trust-on-first-use':
      return shownFirst(fetchRoot);
    case undefined:
      throw new CountersignError('untrusted-root', 'there is no trusted root for this collection yet', {
        next: 'Give --root FILE or --root-fingerprint sha256:…, as the publisher tells you; or --trust-on-first-use.',
      });
  }
}

async function matching(wanted: string, fetchRoot: FetchRoot, crypto: Pick<Crypto, 'hash'>): Promise<Uint8Array> {
  /** By fingerprint: the current root has a version too. */
  const found = new Map<string, string>();
  const matches = (raw: Uint8Array, label: string): boolean => {
    const actual = fingerprint(raw, crypto);
    if (!found.has(actual)) found.set(actual, `${label} ${actual}`);
    return actual === wanted;
  };
  for (let version = 1; version <= MAX_ROOTS; version += 1) {
    const raw = await fetchRoot({ role: ROOT, version: version as Version });
    if (raw === undefined) break;
    if (matches(raw, `version ${version}`)) return raw;
  }
  // A collection that was made again goes on above its old versions, and has no version 1.
  const current = await fetchRoot({ role: ROOT });
  if (current !== undefined && matches(current, 'current')) return current;
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
      : `${all} the fingerprint ${wanted}${last}`,
    {
      detail: { fingerprint: wanted, found },
      next: 'Check the name and the fingerprint with the publisher, not with the server.',
    },
  );
}

async function shownFirst(fetchRoot: FetchRoot): Promise<Uint8Array> {
  const raw = (await fetchRoot({ role: ROOT, version: 1 as Version })) ?? (await fetchRoot({ role: ROOT }));
  if (raw !== undefined) return raw;
  throw new CountersignError('not-found', 'the repository has no root', {
    detail: { found: [] },
    next: "Check the collection's name and the server's address.",
  });
}
