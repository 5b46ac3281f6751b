import type { Crypto } from './crypto.js';
import type { Envelope } from './envelope.js';
import { CountersignError } from './errors.js';
import type { Format, ParseLimits } from './formats/format.js';
import type { AnyDocument, Delegation, Delegations, MetaFile, Root, Snapshot, Targets, Timestamp } from './model.js';
import { formatInstant, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, type Gun, type Instant, type RoleName } from './names.js';
import { checkPromise } from './promise.js';
import { isProposed, type Proposed } from './proposal.js';
import { verifyRole } from './verify.js';

/*
 * The trusted set as types. Each stage is made only by the step before it, so that a wrong order does not compile:
 *
 *   bootstrapRoot → RootTrust → acceptRoot* → finalRoot → FinalRoot → acceptTimestamp → TimestampTrust
 *                 → acceptSnapshot → SnapshotTrust → acceptTargets → TargetsTrust → acceptDelegated
 *
 * An expired root can accept its successor but not become a FinalRoot. A Prior is verified, perhaps stale, and serves as a
 * floor and nothing else. Nothing here does input or output.
 */

declare const stage: unique symbol;
type Stage<S extends string, T> = Readonly<T> & { readonly [stage]: S };

/** What every step needs: how to read, how to verify, and when each role is judged to be fresh. */
export interface TrustContext {
  readonly format: Format;
  readonly crypto: Crypto;
  readonly gun?: Gun;
  /** The moment against which `role`'s expiry is held: one constant for a client (§5.1). */
  readonly judgeAt: (role: RoleName) => Instant;
  readonly parseLimits?: Partial<ParseLimits>;
}

export type RootTrust = Stage<'root', { context: TrustContext; root: Envelope<Root> }>;
export type FinalRoot = Stage<'final-root', { context: TrustContext; root: Envelope<Root> }>;
export type TimestampTrust = Stage<
  'timestamp',
  { final: FinalRoot; timestamp: Envelope<Timestamp> | Proposed<Timestamp>; signed: Timestamp }
>;
export type SnapshotTrust = Stage<
  'snapshot',
  { final: FinalRoot; timestamp: TimestampTrust; snapshot: Envelope<Snapshot> | Proposed<Snapshot>; signed: Snapshot }
>;
export type TargetsTrust = Stage<'targets', { final: FinalRoot; snapshot: SnapshotTrust; targets: Envelope<Targets> }>;
/** A document that verifies under the current root, whatever its expiry: a rollback floor. */
export type Prior<T extends AnyDocument> = Stage<'prior', { envelope: Envelope<T> }>;

function mint<S extends string, T>(value: T): Stage<S, T> {
  return Object.freeze(value) as Stage<S, T>;
}

function checkFresh(role: RoleName, document: AnyDocument, context: TrustContext): void {
  // `<=`: "expiry MUST be higher than the start time" (§5.3.10); NaN cannot occur, Instant is finite.
  if (document.expires > context.judgeAt(role)) return;
  throw new CountersignError(
    'freeze',
    `${role} version ${document.version} expired at ${formatInstant(document.expires)}`,
    {
      detail: { role, version: document.version, expires: formatInstant(document.expires) },
      next:
        role === TIMESTAMP || role === SNAPSHOT
          ? "Its server has to sign it anew; check this machine's clock if the date looks right."
          : `Its publisher has to sign a new version of ${role}; check this machine's clock if the date looks right.`,
    },
  );
}

function checkFloor(role: RoleName, version: number, floor: number, what = role as string): void {
  if (version >= floor) return;
  throw new CountersignError(
    'rollback',
    `${what} version ${version} is older than version ${floor}, which is trusted already`,
    {
      detail: { role, version, current: floor },
    },
  );
}

function checkListedVersion(role: RoleName, promise: MetaFile, version: number): void {
  if (promise.by !== 'version' || promise.version === version) return;
  throw new CountersignError(
    'mix-and-match',
    `${role} has version ${version} where version ${promise.version} was signed for`,
    {
      detail: { role, version, current: promise.version },
    },
  );
}

/** @throws CountersignError what parsing throws, or `threshold` if the root is not signed by its own keys (§5.2) */
export async function bootstrapRoot(context: TrustContext, raw: Uint8Array): Promise<RootTrust> {
  const root = context.format.parseRoot(raw, context.parseLimits);
  await verifyRootBy(context, root.signed, root, 'new', `root version ${root.signed.version} itself`);
  return mint<'root', { context: TrustContext; root: Envelope<Root> }>({ context, root });
}

async function verifyRootBy(
  context: TrustContext,
  by: Root,
  root: Envelope<Root>,
  as: 'new' | 'previous',
  who: string,
): Promise<void> {
  const role = context.format.countingKeys(by, { gun: context.gun, now: context.judgeAt(ROOT), as });
  await verifyRole(role, by.keys, root, context.crypto, who);
}

/**
 * The next root: exactly one version up, signed by a threshold of the old root's keys and of its own (§5.3.4-5.3.5). Its
 * expiry does not matter yet.
 * @throws CountersignError `threshold`, `rollback`, `mix-and-match` or what parsing throws
 */
export async function acceptRoot(trust: RootTrust, raw: Uint8Array): Promise<RootTrust> {
  const { context } = trust;
  const old = trust.root.signed;
  const root = context.format.parseRoot(raw, context.parseLimits);
  await verifyRootBy(context, old, root, 'previous', `root version ${old.version}`);
  await verifyRootBy(context, root.signed, root, 'new', `root version ${root.signed.version} itself`);
  checkFloor(ROOT, root.signed.version, old.version + 1);
  if (root.signed.version !== old.version + 1) {
    throw new CountersignError(
      'mix-and-match',
      `root version ${root.signed.version} stands where version ${old.version + 1} must`,
      {
        detail: { role: ROOT, version: root.signed.version, current: old.version },
      },
    );
  }
  return mint<'root', { context: TrustContext; root: Envelope<Root> }>({ context, root });
}

/** The end of the root chain (§5.3.10). @throws CountersignError `freeze` if it has expired */
export function finalRoot(trust: RootTrust): FinalRoot {
  checkFresh(ROOT, trust.root.signed, trust.context);
  return mint<'final-root', { context: TrustContext; root: Envelope<Root> }>({
    context: trust.context,
    root: trust.root,
  });
}

type TopLevelDocument = { timestamp: Timestamp; snapshot: Snapshot; targets: Targets };

const PARSE = {
  timestamp: (context: TrustContext, raw: Uint8Array) => context.format.parseTimestamp(raw, context.parseLimits),
  snapshot: (context: TrustContext, raw: Uint8Array) => context.format.parseSnapshot(raw, context.parseLimits),
  targets: (context: TrustContext, raw: Uint8Array) => context.format.parseTargets(raw, context.parseLimits),
} satisfies {
  [R in keyof TopLevelDocument]: (context: TrustContext, raw: Uint8Array) => Envelope<TopLevelDocument[R]>;
};

async function verifyByRoot(final: FinalRoot, role: keyof TopLevelDocument, file: Envelope<unknown>): Promise<void> {
  const root = final.root.signed;
  await verifyRole(root.roles[role], root.keys, file, final.context.crypto, `root version ${root.version}`);
}

async function prior<T extends AnyDocument>(
  final: FinalRoot,
  role: keyof TopLevelDocument,
  read: () => Envelope<T>,
): Promise<Prior<T> | undefined> {
  try {
    const envelope = read();
    await verifyByRoot(final, role, envelope);
    return mint<'prior', { envelope: Envelope<T> }>({ envelope });
  } catch (error) {
    // A damaged or no longer verifiable local file is no floor (W0.7, W2.8); anything else is a fault of ours.
    if (error instanceof CountersignError) return undefined;
    throw error;
  }
}

/** The local timestamp as a floor, or undefined if it does not verify under this root (fast-forward recovery, §5.3.11). */
export async function priorTimestamp(final: FinalRoot, raw: Uint8Array): Promise<Prior<Timestamp> | undefined> {
  return prior(final, 'timestamp', () => PARSE.timestamp(final.context, raw));
}

/** As `priorTimestamp`, for the snapshot. */
export async function priorSnapshot(final: FinalRoot, raw: Uint8Array): Promise<Prior<Snapshot> | undefined> {
  return prior(final, 'snapshot', () => PARSE.snapshot(final.context, raw));
}

/** As `priorTimestamp`, for top-level targets; a floor only where the snapshot promises hashes and no versions. */
export async function priorTargets(final: FinalRoot, raw: Uint8Array): Promise<Prior<Targets> | undefined> {
  return prior(final, 'targets', () => PARSE.targets(final.context, raw));
}

async function open<T extends Timestamp | Snapshot>(
  final: FinalRoot,
  role: 'timestamp' | 'snapshot',
  file: Uint8Array | Proposed<T>,
  parse: (raw: Uint8Array) => Envelope<T>,
): Promise<{ readonly file: Envelope<T> | Proposed<T>; readonly signed: T }> {
  if (!(file instanceof Uint8Array)) {
    if (!isProposed(file)) throw new CountersignError('internal', `an unsigned ${role} was not made by propose`);
    return { file, signed: file.proposed };
  }
  const envelope = parse(file);
  await verifyByRoot(final, role, envelope);
  return { file: envelope, signed: envelope.signed };
}

/**
 * A new timestamp (§5.4). One of the same version as `floor` is discarded and the local one carried on with (W3.4).
 * @throws CountersignError `threshold`, `rollback`, `freeze` or what parsing throws
 */
export async function acceptTimestamp(
  final: FinalRoot,
  file: Uint8Array | Proposed<Timestamp>,
  floor?: Prior<Timestamp>,
): Promise<TimestampTrust> {
  const opened = await open(final, 'timestamp', file, (raw) => PARSE.timestamp(final.context, raw));
  const old = floor?.envelope.signed;
  if (old !== undefined && floor !== undefined) {
    checkFloor(TIMESTAMP, opened.signed.version, old.version);
    if (opened.signed.version === old.version) return resumeTimestamp(final, floor);
    const [before, after] = [old.snapshot, opened.signed.snapshot];
    if (before.by === 'version' && after.by === 'version')
      checkFloor(SNAPSHOT, after.version, before.version, 'the snapshot that timestamp names,');
  }
  checkFresh(TIMESTAMP, opened.signed, final.context);
  return mint<
    'timestamp',
    { final: FinalRoot; timestamp: Envelope<Timestamp> | Proposed<Timestamp>; signed: Timestamp }
  >({ final, timestamp: opened.file, signed: opened.signed });
}

/** The local timestamp, still the newest. @throws CountersignError `freeze` */
function resumeTimestamp(final: FinalRoot, local: Prior<Timestamp>): TimestampTrust {
  checkFresh(TIMESTAMP, local.envelope.signed, final.context);
  return mint<
    'timestamp',
    { final: FinalRoot; timestamp: Envelope<Timestamp> | Proposed<Timestamp>; signed: Timestamp }
  >({
    final,
    timestamp: local.envelope,
    signed: local.envelope.signed,
  });
}

/**
 * A new snapshot (§5.5): the one the timestamp names, and nothing in it older than in `floor`.
 * @throws CountersignError `mix-and-match`, `threshold`, `rollback`, `freeze` or what parsing throws
 */
export async function acceptSnapshot(
  trust: TimestampTrust,
  file: Uint8Array | Proposed<Snapshot>,
  floor?: Prior<Snapshot>,
): Promise<SnapshotTrust> {
  const { final } = trust;
  const promise = trust.signed.snapshot;
  if (file instanceof Uint8Array) checkPromise(SNAPSHOT, promise, file, final.context.crypto);
  const opened = await open(final, 'snapshot', file, (raw) => PARSE.snapshot(final.context, raw));
  checkListedVersion(SNAPSHOT, promise, opened.signed.version);
  if (floor !== undefined) checkSnapshotFloor(opened.signed, floor.envelope.signed, final.context);
  checkFresh(SNAPSHOT, opened.signed, final.context);
  return mintSnapshot(trust, opened.file, opened.signed);
}

/**
 * The local snapshot, if it is the version the timestamp names; undefined if a newer one must be fetched. Its listed hash is
 * not held against it: a repository may have begun to list hashes since (W4.2). @throws CountersignError `freeze`
 */
export function resumeSnapshot(trust: TimestampTrust, local: Prior<Snapshot>): SnapshotTrust | undefined {
  const { signed, raw } = local.envelope;
  const promise = trust.signed.snapshot;
  if (promise.by === 'version') {
    if (promise.version !== signed.version) return undefined;
  } else {
    try {
      checkPromise(SNAPSHOT, promise, raw, trust.final.context.crypto);
    } catch {
      return undefined;
    }
  }
  checkFresh(SNAPSHOT, signed, trust.final.context);
  return mintSnapshot(trust, local.envelope, signed);
}

function mintSnapshot(
  trust: TimestampTrust,
  snapshot: Envelope<Snapshot> | Proposed<Snapshot>,
  signed: Snapshot,
): SnapshotTrust {
  return mint<
    'snapshot',
    { final: FinalRoot; timestamp: TimestampTrust; snapshot: Envelope<Snapshot> | Proposed<Snapshot>; signed: Snapshot }
  >({
    final: trust.final,
    timestamp: trust,
    snapshot,
    signed,
  });
}

/** No listed role may vanish or go back (§5.5.5), where entries carry versions; else the document itself may not go back. */
export function checkSnapshotFloor(next: Snapshot, old: Snapshot, context: Pick<TrustContext, 'format'>): void {
  if (context.format.rules.rolesMayLeaveSnapshot) {
    checkFloor(SNAPSHOT, next.version, old.version);
    return;
  }
  for (const [role, before] of old.meta) {
    const after = next.meta.get(role);
    if (after === undefined) {
      throw new CountersignError('rollback', `snapshot version ${next.version} no longer lists ${role}`, {
        detail: { role, version: next.version, current: old.version },
      });
    }
    if (before.by === 'version' && after.by === 'version')
      checkFloor(role, after.version, before.version, `${role} in snapshot version ${next.version}:`);
  }
}

/** What the snapshot promises of a targets role. @throws CountersignError `mix-and-match` where it lists none */
export function listed(trust: SnapshotTrust, role: RoleName): MetaFile {
  const promise = trust.signed.meta.get(role);
  if (promise !== undefined) return promise;
  throw new CountersignError('mix-and-match', `snapshot version ${trust.signed.version} does not list ${role}`, {
    detail: { role },
  });
}

function readListed(snapshot: SnapshotTrust, role: RoleName, raw: Uint8Array): Envelope<Targets> {
  const { context } = snapshot.final;
  checkPromise(role, listed(snapshot, role), raw, context.crypto);
  return PARSE.targets(context, raw);
}

/**
 * Top-level targets (§5.6).
 * @throws CountersignError `mix-and-match`, `threshold`, `rollback`, `freeze` or what parsing throws
 */
export async function acceptTargets(
  trust: SnapshotTrust,
  raw: Uint8Array,
  floor?: Prior<Targets>,
): Promise<TargetsTrust> {
  const targets = readListed(trust, TARGETS, raw);
  await verifyByRoot(trust.final, 'targets', targets);
  const promise = listed(trust, TARGETS);
  checkListedVersion(TARGETS, promise, targets.signed.version);
  if (promise.by === 'hashes' && floor !== undefined)
    checkFloor(TARGETS, targets.signed.version, floor.envelope.signed.version);
  checkFresh(TARGETS, targets.signed, trust.final.context);
  return mint<'targets', { final: FinalRoot; snapshot: SnapshotTrust; targets: Envelope<Targets> }>({
    final: trust.final,
    snapshot: trust,
    targets,
  });
}

/** Who delegates to a role, and in which words: a role reached through two parents is verified against each (W5.4). */
export interface Delegator {
  readonly role: RoleName;
  readonly delegations: Delegations;
}

/**
 * A delegated role, verified by the delegator on this path (§5.6.7).
 * @throws CountersignError `mix-and-match`, `threshold`, `freeze` or what parsing throws
 */
export async function acceptDelegated(
  trust: SnapshotTrust,
  by: Delegator,
  delegation: Delegation,
  raw: Uint8Array,
): Promise<Envelope<Targets>> {
  const { context } = trust.final;
  const targets = readListed(trust, delegation.name, raw);
  await verifyRole(delegation, by.delegations.keys, targets, context.crypto, `its delegator ${by.role}`);
  checkListedVersion(delegation.name, listed(trust, delegation.name), targets.signed.version);
  checkFresh(delegation.name, targets.signed, context);
  return targets;
}
