import type { Envelope } from '../envelope.js';
import { CountersignError } from '../errors.js';
import type { Delegation, Delegations, MetaFile, Targets } from '../model.js';
import { TARGETS, type RoleName } from '../names.js';
import { checkPromise } from '../promise.js';
import { verifyRole } from '../verify.js';
import { PARSE, verifyByRoot } from './by-root.js';
import { checkFloor, checkFresh, checkListedVersion } from './checks.js';
import { mint, type FinalRoot, type Prior, type SnapshotTrust, type TargetsTrust } from './stages.js';

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
