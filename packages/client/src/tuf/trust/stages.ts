import type { Crypto } from '../crypto.js';
import type { Envelope } from '../envelope.js';
import type { Format, ParseLimits } from '../formats/format.js';
import type { AnyDocument, Root, Snapshot, Targets, Timestamp } from '../model.js';
import type { Gun, Instant, RoleName } from '../names.js';
import type { Proposed } from '../proposal.js';

declare const stage: unique symbol;
type Stage<S extends string, T> = Readonly<T> & { readonly [stage]: S };

/** What every step needs: how to read, how to verify, and when each role is judged to be fresh. */
export interface TrustContext {
  readonly format: Format;
  readonly crypto: Crypto;
  readonly gun?: Gun;
  /** The moment against which `role`'s expiry is held: one constant for a client (§5.1). */
  readonly judgeAt: (role: RoleName) => Instant;
  /** The moment of the operation, against which certificates of a new root are held; `judgeAt(root)` where left out. */
  readonly now?: Instant;
  /**
   * `past`: the roots were walked one by one by others, each in its time: certificates among them may have expired since. Left
   * out, they are new here.
   */
  readonly roots?: 'past';
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
/** What a snapshot lists for a delegated role, before any delegator has verified it. */
export type ListedTargets = Stage<'listed', { snapshot: SnapshotTrust; role: RoleName; targets: Envelope<Targets> }>;
export type TargetsTrust = Stage<'targets', { final: FinalRoot; snapshot: SnapshotTrust; targets: Envelope<Targets> }>;
/** A document that verifies under the current root, whatever its expiry: a rollback floor. */
export type Prior<T extends AnyDocument> = Stage<'prior', { envelope: Envelope<T> }>;

/** Only the steps of this folder may mint a stage; `trust.ts` does not pass it on. */
export function mint<S extends Stage<string, object>>(value: Omit<S, typeof stage>): S {
  return Object.freeze(value) as S;
}
