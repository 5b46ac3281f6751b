import {
  acceptDelegated,
  binName,
  CountersignError,
  succinctDelegation,
  TARGETS,
  type Delegation,
  type Delegations,
  type Envelope,
  type PathSet,
  type RoleName,
  type Targets,
  type TargetsTrust,
} from '@countersign/client/tuf';
import type { CollectionContext } from './context.js';
import { coversForAll } from './patterns.js';
import type { Step } from './walk.js';

/** Every delegation a document makes; succinct ones bin by bin. */
export function* delegationsOf(delegations: Delegations): Generator<Delegation> {
  yield* delegations.roles;
  const { succinct } = delegations;
  if (succinct === undefined) return;
  for (let index = 0; index < 2 ** succinct.bitLength; index += 1) yield succinctDelegation(succinct, index);
}

function checkBinCount(delegations: Delegations, limit: number): void {
  const { succinct } = delegations;
  if (succinct === undefined || 2 ** succinct.bitLength <= limit) return;
  throw new CountersignError(
    'too-many',
    `${binName(succinct, 0)} … are 2^${succinct.bitLength} bins; this server takes at most ${limit} roles`,
    { detail: { limit } },
  );
}

/**
 * Follows every delegation below top-level targets and verifies each (delegator, role) pair that this publish changes: an
 * uploaded role must verify under each of its delegators, and a role a changed delegator names must go on verifying, unless
 * the publisher abandons it. Every uploaded role must be reached.
 * @throws CountersignError `delegation`, `too-many`, or why an uploaded role does not verify
 */
export async function checkDelegated(
  context: CollectionContext,
  step: Step,
  trust: TargetsTrust,
  abandons: ReadonlySet<string>,
): Promise<void> {
  const { upload } = step;
  const tree = new Map<RoleName, Envelope<Targets>>([[TARGETS, trust.targets]]);
  const paths = new Map<RoleName, PathSet[]>();
  // A Map iterates over what is added while it is iterated: breadth first, each role once.
  for (const [delegator, document] of tree) {
    const { delegations } = document.signed;
    if (delegations === undefined) continue;
    checkBinCount(delegations, context.policy.maxRoles);
    const children = [...delegationsOf(delegations)];
    await step.published?.load(children.map((child) => child.name).filter((name) => !upload.targets.has(name)));
    for (const child of children) {
      const changed = upload.targets.has(delegator) || upload.targets.has(child.name);
      const targets = await reach(step, trust, { role: delegator, delegations }, child, changed, abandons);
      if (targets === undefined) continue;
      if (!tree.has(child.name)) tree.set(child.name, targets);
      paths.set(child.name, [...(paths.get(child.name) ?? []), child.paths]);
      if (tree.size > context.policy.maxRoles) {
        throw new CountersignError('too-many', `the collection has more than ${context.policy.maxRoles} roles`, {
          detail: { limit: context.policy.maxRoles },
        });
      }
    }
  }
  checkAllReached(step, tree);
  checkPaths(context, step, paths);
}

async function reach(
  step: Step,
  trust: TargetsTrust,
  by: { readonly role: RoleName; readonly delegations: Delegations },
  child: Delegation,
  changed: boolean,
  abandons: ReadonlySet<string>,
): Promise<Envelope<Targets> | undefined> {
  const uploaded = step.upload.targets.get(child.name);
  const raw = uploaded?.raw ?? (await step.published?.file(child.name))?.bytes;
  if (raw === undefined) {
    if (abandons.has(child.name)) return undefined;
    throw new CountersignError(
      'delegation',
      `${by.role} delegates to ${child.name}, which is neither stored nor uploaded`,
      {
        detail: { role: child.name },
        next: `Upload ${child.name} together with ${by.role}.`,
      },
    );
  }
  if (!changed) return step.format.parseTargets(raw);
  try {
    return await acceptDelegated(trust.snapshot, by, child, raw);
  } catch (error) {
    if (uploaded !== undefined || !(error instanceof CountersignError)) throw error;
    if (abandons.has(child.name)) return undefined;
    throw new CountersignError('delegation', `this publish would leave ${child.name} unverifiable: ${error.message}`, {
      detail: { ...error.detail, role: child.name },
      next: `Upload ${child.name} signed by the keys ${by.role} now lists for it, or abandon it by name.`,
      cause: error,
    });
  }
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
function checkPaths(context: CollectionContext, step: Step, paths: ReadonlyMap<RoleName, readonly PathSet[]>): void {
  for (const [role, document] of step.upload.targets) {
    const sets = paths.get(role);
    if (sets === undefined) continue;
    for (const path of document.signed.targets.keys()) {
      if (sets.some((set) => coversForAll(set, path, context.crypto))) continue;
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
