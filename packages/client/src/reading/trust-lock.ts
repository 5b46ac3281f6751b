import { fingerprint } from './pinning.js';
import { formatOfRoot } from './root-format.js';
import type { TrustedState } from './state.js';
import type { Crypto } from '../tuf/crypto.js';
import { reachableRoles } from '../tuf/delegations.js';
import { base64Decode, base64Encode, compareCodePoints, utf8Decode } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import { scan } from '../tuf/json.js';
import { parseGun, parseRoleName, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, type Gun, type RoleName } from '../tuf/names.js';
import type { UpdaterOptions } from './updater.js';
import { baseUrl } from '../http/urls.js';

/*
 * `trust.lock`: what is trusted of some collections, in one file for version control. JSON with sorted members, two spaces
 * and LF, so that the same content is the same bytes; each collection is one run of lines, so that changes of two merge.
 */

/** What is recorded of one collection. */
export interface LockEntry {
  /** Base URL of its server. */
  readonly server: string;
  /** The exact bytes of the newest root there was. */
  readonly root: Uint8Array;
  /** Of root, timestamp, snapshot, targets and the delegated roles there were; none may be older from then on. */
  readonly versions: ReadonlyMap<RoleName, number>;
}

export type TrustLock = ReadonlyMap<Gun, LockEntry>;

/** The most a file may have, in bytes. */
export const MAX_LOCK = 16 * 1024 * 1024;
const FORMAT = 1;
const CONFLICT = /^(?:<{7}|\|{7}|={7}|>{7})(?: |\r?$)/mu;
const ALWAYS = [ROOT, SNAPSHOT, TARGETS, TIMESTAMP];

/** What a client that holds to `entry` is made with. */
export function lockedTrust({ root, versions }: LockEntry): Required<Pick<UpdaterOptions, 'firstTrust' | 'floors'>> {
  return { firstTrust: { kind: 'recorded', raw: root }, floors: Object.fromEntries(versions) };
}

/** What there is to record of a state. @throws CountersignError where a delegated role cannot be fetched or verified */
export async function lockEntry({ trust, options, loader }: TrustedState, server: string): Promise<LockEntry> {
  const { root } = trust.final;
  const versions = new Map<RoleName, number>([
    [ROOT, root.signed.version],
    [TIMESTAMP, trust.snapshot.timestamp.signed.version],
    [SNAPSHOT, trust.snapshot.signed.version],
  ]);
  for await (const { role, targets } of reachableRoles(trust, options, loader))
    versions.set(role, targets.signed.version);
  return { server, root: root.raw, versions };
}

/**
 * `after`, and of roles that it does not show what `before` recorded: who holds the snapshot key alone can leave a role out for
 * a while, and must not be able to list an old version of it then.
 */
export function carriedOver(before: LockEntry, after: LockEntry): LockEntry {
  return { ...after, versions: new Map([...before.versions, ...after.versions]) };
}

/** A role whose version changes; undefined where there was none, or is none any more. */
export interface MovedVersion {
  readonly role: RoleName;
  readonly from: number | undefined;
  readonly to: number | undefined;
}

export function movedVersions(before: LockEntry, after: LockEntry): readonly MovedVersion[] {
  return [...new Set([...before.versions.keys(), ...after.versions.keys()])]
    .map((role) => ({ role, from: before.versions.get(role), to: after.versions.get(role) }))
    .filter(({ from, to }) => from !== to);
}

export function writeLock(lock: TrustLock, crypto: Pick<Crypto, 'hash'>): Uint8Array {
  const collections = sorted(
    [...lock].map(([gun, { root, server, versions }]) => [
      gun,
      { root: fingerprint(root, crypto), rootFile: base64Encode(root), server, versions: sorted(versions) },
    ]),
  );
  return new TextEncoder().encode(`${JSON.stringify({ collections, version: FORMAT }, undefined, 2)}\n`);
}

/**
 * Reads a file as `writeLock` writes it, or as people leave it, in any order and with any white space.
 * @throws CountersignError `usage`, which says what is wrong with `name`, the file
 */
export function readLock(raw: Uint8Array, crypto: Pick<Crypto, 'hash'>, name: string): TrustLock {
  const refuse = (why: string, cause?: unknown): never => {
    throw damaged(name, why, cause);
  };
  if (raw.length > MAX_LOCK) refuse(`it has more than ${MAX_LOCK} bytes`);
  const lock = new Map<Gun, LockEntry>();
  try {
    const text = utf8Decode(raw);
    if (CONFLICT.test(text)) throw merging(name);
    scan(raw); // which, unlike JSON.parse, refuses a collection that a merge has left twice
    const { collections, version } = members(JSON.parse(text));
    if (version !== FORMAT) refuse(`it is not of version ${FORMAT}, but perhaps of a newer Countersign`);
    for (const [gun, value] of Object.entries(members(collections))) lock.set(parseGun(gun), entryIn(value, crypto));
  } catch (error) {
    if (!(error instanceof CountersignError) || error.code === 'usage') throw error;
    refuse(error.message, error);
  }
  return lock;
}

function entryIn(value: unknown, crypto: Pick<Crypto, 'hash'>): LockEntry {
  const { root, rootFile, server, versions } = members(value);
  const raw = typeof rootFile === 'string' ? base64Decode(rootFile) : undefined;
  if (raw === undefined) throw malformed('it holds no root file in base64');
  if (root !== fingerprint(raw, crypto)) throw malformed('a root file is not the one whose fingerprint is beside it');
  if (typeof server !== 'string') throw malformed('it names no server');
  const read = new Map(Object.entries(members(versions)).map(([role, version]) => versionIn(role, version)));
  if (ALWAYS.some((role) => !read.has(role))) throw malformed(`it does not have the versions of ${ALWAYS.join(', ')}`);
  if (formatOfRoot(raw).parseRoot(raw).signed.version !== read.get(ROOT))
    throw malformed('a root file is of another version than is recorded');
  return { server: baseUrl(server), root: raw, versions: read };
}

function versionIn(role: string, version: unknown): [RoleName, number] {
  if (typeof version === 'number' && Number.isSafeInteger(version) && version >= 1)
    return [parseRoleName(role), version];
  throw malformed(`${JSON.stringify(role.slice(0, 100))} has no version`);
}

function members(value: unknown): Partial<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw malformed('a part of it is missing, or is no object');
}

/** By code point, as in canonical JSON. */
function sorted<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  return Object.fromEntries([...entries].sort(([one], [other]) => compareCodePoints(one, other)));
}

function malformed(why: string): CountersignError {
  return new CountersignError('malformed', why);
}

function damaged(name: string, why: string, cause: unknown): CountersignError {
  return new CountersignError('usage', `${name} is damaged: ${why}`, {
    cause,
    next: 'Restore it from version control; or remove it, and make it anew with `countersign pin`. To read without it: --no-lock.',
  });
}

function merging(name: string): CountersignError {
  return new CountersignError('usage', `${name} holds the marks of a merge conflict`, {
    next: 'Of each collection keep the side with the higher versions, and remove the marks; then run `countersign update-lock`.',
  });
}
