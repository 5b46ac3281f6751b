import {
  acceptDelegated,
  CountersignError,
  readDelegated,
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
import type { StoredFile } from './ports.js';
import { checkTotal } from './total.js';
import type { Step } from './walk.js';
import { WORK_PER_BYTE } from './work.js';

/** What one walk over the delegations works with, and what it has found. */
interface Walk {
  readonly context: CollectionContext;
  readonly step: Step;
  readonly trust: TargetsTrust;
  readonly abandons: ReadonlySet<string>;
  /** Every role that was reached, nearest to the top first. */
  readonly tree: Set<RoleName>;
  /** Those of `tree` that may delegate further and have not been looked into yet. */
  next: RoleName[];
  readonly claims: Claims;
  readonly covering: Map<RoleName, Covering>;
  edges: number;
  /** Of all roles reached so far. */
  bytes: number;
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
 * Every uploaded role must be reached, and cover the targets it lists. Published roles are read one after the other, for
 * what they delegate, and let go again.
 * @throws CountersignError `delegation`, `too-many`, `too-large`, or why an uploaded role does not verify
 */
export async function checkDelegated(
  context: CollectionContext,
  step: Step,
  trust: TargetsTrust,
  abandons: ReadonlySet<string>,
): Promise<void> {
  const found = { tree: new Set<RoleName>(), next: [], claims: new Claims(), covering: new Map() };
  const walk: Walk = { context, step, trust, abandons, ...found, edges: 0, bytes: 0 };
  enter(walk, TARGETS, trust.targets);
  // Level by level, so breadth first, and within a level in the order of the documents.
  while (walk.next.length > 0) {
    const level = walk.next;
    walk.next = [];
    for await (const by of delegators(walk, level)) await follow(walk, by);
  }
  await checkClaims(step, walk.claims);
  checkAllReached(step, walk.tree);
  await checkTotal(context, step, walk.bytes);
  if (step.format.rules.strayTargets === 'refuse') await checkPaths(walk);
}

/** Notes that `role` was reached; `document` is undefined as long as it has not been read. */
function enter(walk: Walk, role: RoleName, document: Envelope<Targets> | undefined): void {
  const { tree, context } = walk;
  if (tree.has(role)) return;
  tree.add(role);
  if (tree.size > context.policy.maxRoles) throw tooMany('roles', context.policy.maxRoles);
  if (document === undefined || document.signed.delegations !== undefined) walk.next.push(role);
  else walk.bytes += document.raw.length;
}

/** What the roles of one level delegate, in their order. */
async function* delegators(walk: Walk, level: readonly RoleName[]): AsyncGenerator<Edge['by']> {
  const { step, trust } = walk;
  const local = (role: RoleName): Envelope<Targets> | undefined =>
    role === TARGETS ? trust.targets : step.upload.targets.get(role);
  const files = step.published?.files(level.filter((role) => local(role) === undefined));
  for (const role of level) {
    const document = local(role) ?? (await parsed(step, (await files?.next())?.value));
    if (document === undefined) continue;
    walk.bytes += document.raw.length;
    const { delegations } = document.signed;
    if (delegations !== undefined) yield { role, delegations };
  }
}

/** A published file, read as work. */
async function parsed({ work, format }: Step, file: StoredFile | undefined): Promise<Envelope<Targets> | undefined> {
  if (file === undefined) return undefined;
  if (work.spend(10 + file.bytes.length * WORK_PER_BYTE)) await work.pause();
  return format.parseTargets(file.bytes);
}

async function follow(walk: Walk, by: Edge['by']): Promise<void> {
  const { context, step, claims, covering } = walk;
  const { maxRoles, maxDelegations } = context.policy;
  checkBinCount(by.delegations, maxRoles);
  const children = [...delegationsOf(by.delegations)];
  walk.edges += children.length;
  if (walk.edges > maxDelegations) throw tooMany('delegations', maxDelegations);
  const { targets: uploaded } = step.upload;
  const changed = uploaded.has(by.role);
  const files = changed
    ? step.published?.files(children.map(({ name }) => name).filter((name) => !uploaded.has(name)))
    : undefined;
  for (const child of children) {
    claims.add(by.role, child.name);
    const edge: Edge = { by, child, owns: claims.owner(child.name) === by.role };
    const sent = uploaded.get(child.name);
    if (sent === undefined && !changed) {
      // Where nothing changes, its publisher has answered for what it names; also for what is not there.
      if (step.work.spend(10)) await step.work.pause();
      if (step.published?.has(child.name) === true) enter(walk, child.name, undefined);
      continue;
    }
    const document = sent ?? (await parsed(step, (await files?.next())?.value));
    if (!(await reach(walk, edge, document)) || document === undefined) continue;
    enter(walk, child.name, document);
    if (sent === undefined) continue;
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

/** Whether `edge`, of which this publish changes an end, leads to `document`; false where it leads nowhere and may. */
async function reach(walk: Walk, edge: Edge, document: Envelope<Targets> | undefined): Promise<boolean> {
  const { step, trust, abandons } = walk;
  const { by, child } = edge;
  if (document === undefined) {
    if (abandons.has(child.name) || tolerated(step)) return false;
    throw new CountersignError(
      'delegation',
      `${by.role} delegates to ${child.name}, which is neither stored nor uploaded`,
      { detail: { role: child.name }, next: `Upload ${child.name} together with ${by.role}.` },
    );
  }
  if (step.work.spend(costOf(child, document))) await step.work.pause();
  try {
    await acceptDelegated(readDelegated(trust.snapshot, child.name, document.raw), by, child);
    return true;
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error;
    await excuse(walk, edge, error);
    return false;
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

/** In units of `Work`, but for the signatures themselves: each key looks for its own among them. */
function costOf(child: Delegation, { signatures }: Envelope<Targets>): number {
  return 100 + (child.keyIds.length * signatures.length) / 50;
}

/** Whether the published version of a role verifies under a delegator that is not uploaded. */
async function verifiedBefore({ step, trust }: Walk, { by, child }: Edge): Promise<boolean> {
  const file = await parsed(step, await step.published?.file(child.name));
  if (file === undefined) return false;
  if (step.work.spend(costOf(child, file))) await step.work.pause();
  try {
    await verifyRole(child, by.delegations.keys, file, trust.final.context.crypto, by.role);
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

function checkAllReached(step: Step, tree: ReadonlySet<RoleName>): void {
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
