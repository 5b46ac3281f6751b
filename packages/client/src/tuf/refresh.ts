import type { Envelope } from './envelope.js';
import { CountersignError } from './errors.js';
import { checkRecorded, type Floors } from './floors.js';
import { DEFAULT_PARSE_LIMITS } from './formats/format.js';
import { limitsOf } from './limits.js';
import type { Hashes, MetaFile, Snapshot, Timestamp } from './model.js';
import { ROOT, SNAPSHOT, TARGETS, TIMESTAMP, type RoleName, type Version } from './names.js';
import type { Proposed } from './proposal.js';
import {
  acceptRoot,
  acceptSnapshot,
  acceptTargets,
  acceptTimestamp,
  finalRoot,
  listed,
  priorSnapshot,
  priorTargets,
  priorTimestamp,
  resumeSnapshot,
  type FinalRoot,
  type RootTrust,
  type SnapshotTrust,
  type TargetsTrust,
  type TimestampTrust,
} from './trust.js';

/** A metadata file as its parent names it; the format turns it into a file name. */
export interface WantedFile {
  readonly role: RoleName;
  /** Absent for the timestamp, and where the repository does not use consistent snapshots. */
  readonly version?: Version;
  readonly hashes?: Hashes;
}

/** Where files come from and go to. Bytes are exact: what `save` is given is what was received. */
export interface RefreshPorts {
  /** At most `maxBytes` decoded bytes (`endless-data` beyond); undefined where the repository has no such file (404, 403). */
  fetch(file: WantedFile, maxBytes: number): Promise<Uint8Array | Proposed<Snapshot> | Proposed<Timestamp> | undefined>;
  /** The last saved file of a role, or undefined where there is none that can be read. */
  cached(role: RoleName): Promise<Uint8Array | undefined>;
  /** Called as soon as a file is trusted, before the next request (W2.6); `version`: the file's. */
  save(role: RoleName, raw: Uint8Array, version: Version): Promise<void>;
}

/**
 * Bytes, but for the three counts (W0.4). A length that the parent lists takes the place of a default; where a limit was given,
 * or beyond what is parsed at all, it is refused.
 */
export interface RefreshLimits {
  readonly rootRotations: number;
  /** Delegated roles read for one look-up. */
  readonly delegations: number;
  /** Delegations followed where every role is read: by a list of all targets, for one. */
  readonly reachable: number;
  readonly root: number;
  /** What the format says (`Rules.timestampBytes`) unless given. */
  readonly timestamp: number | undefined;
  readonly snapshot: number;
  readonly targets: number;
}

export const DEFAULT_REFRESH_LIMITS: RefreshLimits = {
  rootRotations: 256,
  delegations: 32,
  reachable: 65_536,
  root: 512_000,
  timestamp: undefined,
  snapshot: 2_000_000,
  targets: 5_000_000,
};

export interface RefreshOptions {
  readonly ports: RefreshPorts;
  /** Told of each delegated role that is done without, where the format lets its clients, and why it cannot be trusted. */
  readonly skipped?: (role: RoleName, why: CountersignError) => void;
  readonly limits?: Partial<RefreshLimits>;
  /** Below these nothing is trusted, nor saved, whatever is cached. */
  readonly floors?: Floors;
}

/** @throws CountersignError `usage` for a limit that is no number above 0 */
export function refreshLimits(options: { readonly limits?: Partial<RefreshLimits> | undefined }): RefreshLimits {
  return limitsOf('limits', DEFAULT_REFRESH_LIMITS, options.limits);
}

/**
 * The client workflow, specification §5.3 to §5.6, from a trusted root to trusted top-level targets. Every file is saved as
 * soon as it is trusted, and nothing that is refused is.
 * @throws CountersignError what the steps of `trust.ts` and the ports throw, `rollback` below the recorded floors, and
 * `not-found` where a file is missing
 */
export async function refresh(trusted: RootTrust, options: RefreshOptions): Promise<TargetsTrust> {
  const root = await updateRoot(trusted, options);
  checkRecorded(options.floors, ROOT, root.root.signed.version);
  const final = finalRoot(root);
  const timestamp = await updateTimestamp(final, options);
  const snapshot = await updateSnapshot(timestamp, options);
  return updateTargets(snapshot, options);
}

/** §5.3: one version at a time until there is no next one, or the limit is reached, which delays and does not brick (W0.6). */
async function updateRoot(trusted: RootTrust, options: RefreshOptions): Promise<RootTrust> {
  const limits = refreshLimits(options);
  let trust = trusted;
  for (let rotation = 0; rotation < limits.rootRotations; rotation += 1) {
    const version = (trust.root.signed.version + 1) as Version;
    const raw = await options.ports.fetch({ role: ROOT, version }, limits.root);
    if (raw === undefined) break;
    trust = await acceptRoot(trust, received(ROOT, raw));
    await options.ports.save(ROOT, trust.root.raw, version);
  }
  return trust;
}

async function updateTimestamp(final: FinalRoot, options: RefreshOptions): Promise<TimestampTrust> {
  const local = await options.ports.cached(TIMESTAMP);
  const floor = local === undefined ? undefined : await priorTimestamp(final, local);
  const limit = refreshLimits(options).timestamp ?? final.context.format.rules.timestampBytes;
  const file = await options.ports.fetch({ role: TIMESTAMP }, limit);
  if (file === undefined) throw missing(TIMESTAMP);
  const trust = await acceptTimestamp(final, file as Uint8Array | Proposed<Timestamp>, floor);
  checkRecorded(options.floors, TIMESTAMP, trust.signed.version);
  if (trust.timestamp !== floor?.envelope) await saveSigned(TIMESTAMP, trust.timestamp, options);
  return trust;
}

async function updateSnapshot(trust: TimestampTrust, options: RefreshOptions): Promise<SnapshotTrust> {
  const local = await options.ports.cached(SNAPSHOT);
  const floor = local === undefined ? undefined : await priorSnapshot(trust.final, local);
  const resumed = floor === undefined ? undefined : resumeSnapshot(trust, floor);
  if (resumed !== undefined) {
    checkRecorded(options.floors, SNAPSHOT, resumed.signed.version);
    return resumed;
  }
  const promise = trust.signed.snapshot;
  const limit = bytesOf(SNAPSHOT, promise, trust.final, options);
  const file = await options.ports.fetch(wanted(SNAPSHOT, promise, trust.final), limit);
  if (file === undefined) throw missing(SNAPSHOT);
  const next = await acceptSnapshot(trust, file as Uint8Array | Proposed<Snapshot>, floor);
  checkRecorded(options.floors, SNAPSHOT, next.signed.version);
  await saveSigned(SNAPSHOT, next.snapshot, options);
  return next;
}

async function updateTargets(trust: SnapshotTrust, options: RefreshOptions): Promise<TargetsTrust> {
  const local = await options.ports.cached(TARGETS);
  if (local !== undefined) {
    const resumed = await tryLocal(() => acceptTargets(trust, local));
    if (resumed !== undefined) {
      checkRecorded(options.floors, TARGETS, resumed.targets.signed.version);
      return resumed;
    }
  }
  const promise = listed(trust, TARGETS);
  const floor = local === undefined || promise.by === 'version' ? undefined : await priorTargets(trust.final, local);
  const raw = received(TARGETS, await fetchListed(trust, TARGETS, promise, options));
  const next = await acceptTargets(trust, raw, floor);
  checkRecorded(options.floors, TARGETS, next.targets.signed.version);
  await options.ports.save(TARGETS, raw, next.targets.signed.version);
  return next;
}

/** A local file that no longer fits is fetched anew; only our own faults pass through. */
export async function tryLocal<T>(accept: () => Promise<T>): Promise<T | undefined> {
  try {
    return await accept();
  } catch (error) {
    if (error instanceof CountersignError) return undefined;
    throw error;
  }
}

/** Fetches a targets role as the snapshot names it. @throws CountersignError `not-found`, `endless-data` */
export async function fetchListed(
  trust: SnapshotTrust,
  role: RoleName,
  promise: MetaFile,
  options: RefreshOptions,
): Promise<Uint8Array> {
  const limit = bytesOf(role, promise, trust.final, options);
  const file = await options.ports.fetch(wanted(role, promise, trust.final), limit);
  if (file === undefined) throw missing(role);
  return received(role, file);
}

/**
 * The most that is asked for of a listed file: its length, where that is known.
 * @throws CountersignError `endless-data` for a length that nobody would read to its end
 */
function bytesOf(role: RoleName, { length }: MetaFile, final: FinalRoot, options: RefreshOptions): number {
  const kind = role === SNAPSHOT ? 'snapshot' : 'targets';
  if (length === undefined) return refreshLimits(options)[kind];
  const parsed = final.context.parseLimits?.bytes ?? DEFAULT_PARSE_LIMITS.bytes;
  const most = Math.min(options.limits?.[kind] ?? parsed, parsed);
  if (length <= most) return length;
  throw new CountersignError('endless-data', `${role} is listed with ${length} bytes, more than the ${most} allowed`, {
    detail: { role, limit: most },
    next: `Do not read it; or raise \`limits.${kind}\` of the client, if it is meant to be so large.`,
  });
}

/** A snapshot or targets role as the file that lists it has clients ask for it. */
export function wanted(role: RoleName, promise: MetaFile, final: FinalRoot): WantedFile {
  if (promise.by === 'hashes') return { role, hashes: promise.hashes };
  return final.root.signed.consistentSnapshot ? { role, version: promise.version } : { role };
}

function received(role: RoleName, file: Uint8Array | object): Uint8Array {
  if (file instanceof Uint8Array) return file;
  throw new CountersignError('internal', `an unsigned ${role} cannot be accepted`);
}

async function saveSigned(
  role: RoleName,
  file: Envelope<Timestamp> | Proposed<Timestamp> | Envelope<Snapshot> | Proposed<Snapshot>,
  options: RefreshOptions,
): Promise<void> {
  if ('raw' in file) await options.ports.save(role, file.raw, file.signed.version);
}

function missing(role: RoleName): CountersignError {
  return new CountersignError('not-found', `the repository has no ${role} metadata`, {
    detail: { role },
    next:
      role === TIMESTAMP
        ? "Check the collection's name and the server's address."
        : 'Try again; if it stays so, tell whoever runs the repository.',
  });
}
