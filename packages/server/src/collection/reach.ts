import {
  acceptDelegated,
  CountersignError,
  TARGETS,
  verifyRole,
  type Delegation,
  type Delegations,
  type Envelope,
  type RoleName,
  type Targets,
  type TargetsTrust,
} from '@countersign/client/tuf';
import { checkClaims, Claims } from './claims.js';
import type { CollectionContext } from './context.js';
import { Covering } from './covering.js';
import { checkBinCount, delegationsOf } from './delegations.js';
import type { Step } from './walk.js';

/** What one walk over the delegations works with, and what it has found. */
interface Walk {
  readonly context: CollectionContext;
  readonly step: Step;
  readonly trust: TargetsTrust;
  readonly abandons: ReadonlySet<string>;
  readonly tree: Map<RoleName, Envelope<Targets>>;
  readonly claims: Claims;
  readonly covering: Map<RoleName, Covering>;
  edges: number;
}

/** One role naming another. */
interface Edge {
  readonly by: { readonly role: RoleName; readonly delegations: Delegations };
  readonly child: Delegation;
  /** Whether `by` is the first that names the role. */
  readonly owns: boolean;
}

/**
 * Follows every delegation below top-level targets and verifies each (delegator, role) pair that this publish changes:
 *
 * - a role that is uploaded verifies under its owner, the delegator nearest to the top (`claims.ts`), whoever else names it;
 * - under its other delegators it goes on verifying where it did, unless the publisher abandons it by name. Where it did not
 *   before, that holds up nobody: no delegator has a veto over a role that is not its own;
 * - what an uploaded delegator names verifies, unless it is not uploaded and abandoned;
 * - a role that has an owner is newly named by others only with the owner's consent.
 *
 * Every uploaded role must be reached, and cover the targets it lists.
 * @throws CountersignError `delegation`, `too-many`, or why an uploaded role does not verify
 */
export async function checkDelegated(
  context: CollectionContext,
  step: Step,
  trust: TargetsTrust,
  abandons: ReadonlySet<string>,
): Promise<void> {
  const tree = new Map<RoleName, Envelope<Targets>>([[TARGETS, trust.targets]]);
  const walk: Walk = { context, step, trust, abandons, tree, claims: new Claims(), covering: new Map(), edges: 0 };
  // A Map iterates over what is added while it is iterated: breadth first, each role once.
  for (const [role, document] of tree) {
    const { delegations } = document.signed;
    if (delegations !== undefined) await follow(walk, { role, delegations });
  }
  await step.published?.load(step.upload.targets.keys());
  checkClaims(step, walk.claims);
  checkAllReached(step, tree);
  if (step.format.rules.strayTargets === 'refuse') await checkPaths(walk);
}

async function follow(walk: Walk, by: Edge['by']): Promise<void> {
  const { context, step, tree, claims, covering } = walk;
  const { maxRoles, maxDelegations } = context.policy;
  checkBinCount(by.delegations, maxRoles);
  const children = [...delegationsOf(by.delegations)];
  walk.edges += children.length;
  if (walk.edges > maxDelegations) throw tooMany('delegations', maxDelegations);
  const { targets: uploaded } = step.upload;
  await step.published?.load(children.map((child) => child.name).filter((name) => !uploaded.has(name)));
  for (const child of children) {
    claims.add(by.role, child.name);
    const targets = await reach(walk, { by, child, owns: claims.owner(child.name) === by.role });
    if (targets === undefined) continue;
    if (!tree.has(child.name)) tree.set(child.name, targets);
    if (tree.size > maxRoles) throw tooMany('roles', maxRoles);
    if (!uploaded.has(child.name)) continue;
    const paths = covering.get(child.name) ?? new Covering();
    paths.add(child.paths);
    covering.set(child.name, paths);
  }
}

function tooMany(what: string, limit: number): CountersignError {
  return new CountersignError('too-many', `the collection has more than ${limit} ${what}`, {
    detail: { limit },
    next: `Have fewer ${what}, or have the server's limit raised.`,
  });
}

/** The role that `edge` leads to; undefined where it leads nowhere and may. */
async function reach(walk: Walk, edge: Edge): Promise<Envelope<Targets> | undefined> {
  const { step, trust, abandons } = walk;
  const { by, child } = edge;
  const delegatorUploaded = step.upload.targets.has(by.role);
  const uploaded = step.upload.targets.get(child.name);
  const raw = uploaded?.raw ?? (await step.published?.file(child.name))?.bytes;
  if (raw === undefined) {
    // Where the delegator was published so before, its publisher has answered for it.
    if (!delegatorUploaded || abandons.has(child.name) || tolerated(step)) return undefined;
    throw new CountersignError(
      'delegation',
      `${by.role} delegates to ${child.name}, which is neither stored nor uploaded`,
      { detail: { role: child.name }, next: `Upload ${child.name} together with ${by.role}.` },
    );
  }
  const file = uploaded ?? step.format.parseTargets(raw);
  const changed = delegatorUploaded || uploaded !== undefined;
  if (step.work.spend(changed ? costOf(child, file) : 10)) await step.work.pause();
  if (!changed) return file;
  try {
    return await acceptDelegated(trust.snapshot, by, child, raw);
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error;
    await excuse(walk, edge, error);
    return undefined;
  }
}

/** Returns where it is no reason to refuse the publish that `edge` does not verify. @throws CountersignError otherwise */
async function excuse(walk: Walk, edge: Edge, error: CountersignError): Promise<void> {
  const { step, abandons } = walk;
  const { by, child, owns } = edge;
  if (!step.upload.targets.has(child.name)) {
    if (abandons.has(child.name) || tolerated(step)) return;
    throw unverifiable(edge, error, `Upload ${child.name} signed by the keys ${by.role} now lists for it`);
  }
  if (owns || step.upload.targets.has(by.role)) throw error;
  if (abandons.has(child.name) || !(await verifiedBefore(walk, edge))) return;
  throw unverifiable(edge, error, `Have ${by.role} list the keys of ${child.name}, in the same upload`);
}

/** Whether the format's clients pass over a role that does not verify, so that its delegator may leave it so. */
function tolerated({ format }: Step): boolean {
  return format.rules.unverifiableRole === 'tolerate';
}

/** In units of `Work`: each key may have a signature, to be verified in about 100 µs. */
function costOf(child: Delegation, file: Envelope<Targets>): number {
  const [keys, signatures] = [child.keyIds.length, file.signatures.length];
  return 100 + 100 * Math.min(keys, signatures) + (keys * signatures) / 50;
}

/** Whether the published version of a role verifies under a delegator that is not uploaded. */
async function verifiedBefore({ context, step }: Walk, { by, child }: Edge): Promise<boolean> {
  const published = await step.published?.file(child.name);
  if (published === undefined) return false;
  const file = step.format.parseTargets(published.bytes);
  if (step.work.spend(costOf(child, file))) await step.work.pause();
  try {
    await verifyRole(child, by.delegations.keys, file, context.documents.crypto, by.role);
    return true;
  } catch (error) {
    if (error instanceof CountersignError && error.code === 'threshold') return false;
    throw error;
  }
}

function unverifiable({ by, child }: Edge, cause: CountersignError, next: string): CountersignError {
  return new CountersignError('delegation', `this publish would leave ${child.name} unverifiable: ${cause.message}`, {
    detail: { ...cause.detail, role: child.name, delegator: by.role },
    next: `${next}, or abandon ${child.name} by name: readers who come to it by way of ${by.role} then no longer can.`,
    cause,
  });
}

function checkAllReached(step: Step, tree: ReadonlyMap<RoleName, unknown>): void {
  for (const role of step.upload.targets.keys()) {
    if (tree.has(role)) continue;
    throw new CountersignError('delegation', `no delegation leads to ${role}`, {
      detail: { role },
      next: `Have its delegator name ${role}, in this upload or before it.`,
    });
  }
}

/** A target outside its role's paths is one no client, or not every client, would find (G7). */
async function checkPaths({ context, step, covering }: Walk): Promise<void> {
  for (const [role, document] of step.upload.targets) {
    const paths = covering.get(role);
    if (paths === undefined) continue;
    for (const path of document.signed.targets.keys()) {
      if (await paths.covers(path, context.crypto, step.work)) continue;
      throw new CountersignError(
        'delegation',
        `${role} lists ${path}, which is outside the paths delegated to it, for some clients at least`,
        {
          detail: { role, target: path },
          next: `Remove ${path} from ${role}, or have its delegator widen the paths (a wildcard does not match a leading dot everywhere).`,
        },
      );
    }
  }
}
