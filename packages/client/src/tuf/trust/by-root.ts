import type { Envelope } from '../envelope.js';
import { CountersignError } from '../errors.js';
import type { AnyDocument, Snapshot, Targets, Timestamp } from '../model.js';
import { isProposed, type Proposed } from '../proposal.js';
import { verifyRole } from '../verify.js';
import { mint, type FinalRoot, type Prior, type TrustContext } from './stages.js';

interface TopLevelDocument {
  timestamp: Timestamp;
  snapshot: Snapshot;
  targets: Targets;
}

export const PARSE = {
  timestamp: (context: TrustContext, raw: Uint8Array) => context.format.parseTimestamp(raw, context.parseLimits),
  snapshot: (context: TrustContext, raw: Uint8Array) => context.format.parseSnapshot(raw, context.parseLimits),
  targets: (context: TrustContext, raw: Uint8Array) => context.format.parseTargets(raw, context.parseLimits),
} satisfies {
  [R in keyof TopLevelDocument]: (context: TrustContext, raw: Uint8Array) => Envelope<TopLevelDocument[R]>;
};

/** @throws CountersignError `threshold` */
export async function verifyByRoot(
  final: FinalRoot,
  role: keyof TopLevelDocument,
  file: Envelope<unknown>,
): Promise<void> {
  const root = final.root.signed;
  await verifyRole(root.roles[role], root.keys, file, final.context.crypto, `root version ${root.version}`);
}

async function prior<T extends AnyDocument>(
  final: FinalRoot,
  role: keyof TopLevelDocument,
  read: () => Envelope<T>,
): Promise<Prior<T> | undefined> {
  return priorOf(read, (envelope) => verifyByRoot(final, role, envelope));
}

/** A local file as a floor, if it can be read and verified. */
export async function priorOf<T extends AnyDocument>(
  read: () => Envelope<T>,
  verify: (envelope: Envelope<T>) => Promise<void>,
): Promise<Prior<T> | undefined> {
  try {
    const envelope = read();
    await verify(envelope);
    return mint<Prior<T>>({ envelope });
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

/** A signed file, verified by the root, or one that is about to be signed. */
export async function open<T extends Timestamp | Snapshot>(
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
