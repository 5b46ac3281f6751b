/*
 * The trusted set as types. Each stage is made only by the step before it, so that a wrong order does not compile:
 *
 *   bootstrapRoot → RootTrust → acceptRoot* → finalRoot → FinalRoot → acceptTimestamp → TimestampTrust
 *                 → acceptSnapshot → SnapshotTrust → acceptTargets → TargetsTrust
 *                                  → readDelegated → ListedTargets → acceptDelegated
 *
 * An expired root can accept its successor but not become a FinalRoot. A Prior is verified, perhaps stale, and serves as a
 * floor and nothing else. Nothing here does input or output.
 */

export type {
  FinalRoot,
  ListedTargets,
  Prior,
  RootTrust,
  SnapshotTrust,
  TargetsTrust,
  TimestampTrust,
  TrustContext,
} from './trust/stages.js';
export { acceptRoot, bootstrapRoot, finalRoot } from './trust/root.js';
export { priorSnapshot, priorTargets, priorTimestamp } from './trust/by-root.js';
export { acceptTimestamp } from './trust/timestamp.js';
export { acceptSnapshot, checkSnapshotFloor, resumeSnapshot } from './trust/snapshot.js';
export {
  acceptDelegated,
  acceptTargets,
  listed,
  priorDelegated,
  readDelegated,
  type Delegator,
} from './trust/targets.js';
