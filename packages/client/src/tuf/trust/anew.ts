import { ROOT, SNAPSHOT, TARGETS, TIMESTAMP } from '../names.js';
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
  const { final: before, snapshot, targets } = trust;
  checkFresh(ROOT, before.root.signed, context);
  checkFresh(TIMESTAMP, snapshot.timestamp.signed, context);
  checkFresh(SNAPSHOT, snapshot.signed, context);
  checkFresh(TARGETS, targets.signed, context);
  const final = mint<FinalRoot>({ context, root: before.root });
  const timestamp = mint<TimestampTrust>({ ...snapshot.timestamp, final });
  return mint<TargetsTrust>({ final, snapshot: mint<SnapshotTrust>({ ...snapshot, final, timestamp }), targets });
}
