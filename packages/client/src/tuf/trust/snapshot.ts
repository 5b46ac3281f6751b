import type { Envelope } from '../envelope.js';
import { CountersignError } from '../errors.js';
import type { Snapshot } from '../model.js';
import { ROOT, SNAPSHOT } from '../names.js';
import { checkPromise } from '../promise.js';
import type { Proposed } from '../proposal.js';
import { open, PARSE } from './by-root.js';
import { checkFloor, checkFresh, checkListedVersion } from './checks.js';
import {
  mint,
  type FinalRoot,
  type Prior,
  type SnapshotTrust,
  type TimestampTrust,
  type TrustContext,
} from './stages.js';

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
  checkRoot(opened.signed, final);
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
  return mint<SnapshotTrust>({
    final: trust.final,
    timestamp: trust,
    snapshot,
    signed,
  });
}

/** A snapshot that names the root by its hash goes with that root alone (Notary v1, snapshot). */
function checkRoot(snapshot: Snapshot, { root, context }: FinalRoot): void {
  const promise = snapshot.meta.get(ROOT);
  if (promise?.by === 'hashes') checkPromise(ROOT, promise, root.raw, context.crypto);
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
