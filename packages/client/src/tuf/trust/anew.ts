import type { Envelope } from '../envelope.js';
import type { Root, Snapshot, Targets, Timestamp } from '../model.js';
import { ROOT, SNAPSHOT, TARGETS, TIMESTAMP } from '../names.js';
import type { Proposed } from '../proposal.js';
import { checkFresh } from './checks.js';
import {
  mint,
  type FinalRoot,
  type SnapshotTrust,
  type TargetsTrust,
  type TimestampTrust,
  type TrustContext,
} from './stages.js';

/** The same verified state, held against the clock of a later moment. @throws CountersignError `freeze` */
export function judgedAnew(trust: TargetsTrust, judgeAt: TrustContext['judgeAt']): TargetsTrust {
  const context = { ...trust.final.context, judgeAt };
  const { root } = trust.final;
  const { timestamp } = trust.snapshot;
  checkFresh(ROOT, root.signed, context);
  checkFresh(TIMESTAMP, timestamp.signed, context);
  checkFresh(SNAPSHOT, trust.snapshot.signed, context);
  checkFresh(TARGETS, trust.targets.signed, context);
  const final = mint<'final-root', { context: TrustContext; root: Envelope<Root> }>({ context, root });
  return mint<'targets', { final: FinalRoot; snapshot: SnapshotTrust; targets: Envelope<Targets> }>({
    final,
    snapshot: snapshotUnder(final, trust.snapshot),
    targets: trust.targets,
  });
}

function snapshotUnder(final: FinalRoot, { timestamp, snapshot, signed }: SnapshotTrust): SnapshotTrust {
  return mint<
    'snapshot',
    { final: FinalRoot; timestamp: TimestampTrust; snapshot: Envelope<Snapshot> | Proposed<Snapshot>; signed: Snapshot }
  >({ final, timestamp: timestampUnder(final, timestamp), snapshot, signed });
}

function timestampUnder(final: FinalRoot, { timestamp, signed }: TimestampTrust): TimestampTrust {
  return mint<
    'timestamp',
    { final: FinalRoot; timestamp: Envelope<Timestamp> | Proposed<Timestamp>; signed: Timestamp }
  >({ final, timestamp, signed });
}
