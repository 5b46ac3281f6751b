import type { Envelope } from '../envelope.js';
import { CountersignError } from '../errors.js';
import type { Delegation, Delegations, MetaFile, Targets } from '../model.js';
import { TARGETS, type RoleName } from '../names.js';
import { checkPromise } from '../promise.js';
import { verifyRole } from '../verify.js';
import { PARSE, priorOf, verifyByRoot } from './by-root.js';
import { checkFloor, checkFresh, checkListedVersion } from './checks.js';
import {
  mint,
  type ListedTargets,
  type Prior,
  type SnapshotTrust,
  type TargetsTrust,
  type TrustContext,
} from './stages.js';

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
  return readAs(context, role, raw);
}

function readAs(context: TrustContext, role: RoleName, raw: Uint8Array): Envelope<Targets> {
  const targets = PARSE.targets(context, raw);
  const why = context.format.misplaced(role, targets.signed);
  if (why === undefined) return targets;
  throw new CountersignError('malformed', `${role}: ${why}`, { detail: { role } });
}

/** A promised version is the document's; where none is promised, the floor is the document that was trusted before. */
function checkPromisedVersion(role: RoleName, promise: MetaFile, version: number, floor?: Prior<Targets>): void {
  checkListedVersion(role, promise, version);
  if (promise.by === 'hashes' && floor !== undefined) checkFloor(role, version, floor.envelope.signed.version);
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
  checkPromisedVersion(TARGETS, listed(trust, TARGETS), targets.signed.version, floor);
  checkFresh(TARGETS, targets.signed, trust.final.context);
  return mint<TargetsTrust>({
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
 * The file that a snapshot lists for a delegated role, parsed once, however many delegators it is then verified by.
 * @throws CountersignError `mix-and-match` or what parsing throws
 */
export function readDelegated(snapshot: SnapshotTrust, role: RoleName, raw: Uint8Array): ListedTargets {
  const targets = readListed(snapshot, role, raw);
  return mint<ListedTargets>({
    snapshot,
    role,
    targets,
  });
}

/**
 * A delegated role, verified by the delegator on this path (§5.6.7).
 * @throws CountersignError `threshold`, `mix-and-match`, `rollback`, `freeze`
 */
export async function acceptDelegated(
  { snapshot, role, targets }: ListedTargets,
  by: Delegator,
  delegation: Delegation,
  floor?: Prior<Targets>,
): Promise<Envelope<Targets>> {
  const { context } = snapshot.final;
  if (delegation.name !== role)
    throw new CountersignError('internal', `${role} was read where ${delegation.name} is delegated to`);
  await verifyByDelegator(context, by, delegation, targets);
  checkPromisedVersion(role, listed(snapshot, role), targets.signed.version, floor);
  checkFresh(role, targets.signed, context);
  return targets;
}

async function verifyByDelegator(
  context: TrustContext,
  by: Delegator,
  delegation: Delegation,
  targets: Envelope<Targets>,
): Promise<void> {
  await verifyRole(delegation, by.delegations.keys, targets, context.crypto, `its delegator ${by.role}`);
}

/** The local file of a delegated role as a floor; undefined if it does not verify under this delegator, or no floor is needed. */
export async function priorDelegated(
  trust: SnapshotTrust,
  by: Delegator,
  delegation: Delegation,
  raw: Uint8Array,
): Promise<Prior<Targets> | undefined> {
  if (listed(trust, delegation.name).by === 'version') return undefined;
  const { context } = trust.final;
  return priorOf(
    () => readAs(context, delegation.name, raw),
    (targets) => verifyByDelegator(context, by, delegation, targets),
  );
}
