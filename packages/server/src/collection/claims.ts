import { CountersignError, TARGETS, type Delegations, type RoleName } from '@countersign/client/tuf';
import { delegationsOf } from './delegations.js';
import type { Step } from './walk.js';

/**
 * Which roles delegate to which, as the walk from top-level targets comes to them: nearest first, and in the order of the
 * documents. The first that names a role owns it (docs/adr/0002).
 *
 * A TUF client verifies a role by the delegator through which its search for *one path* first comes to it, so a delegator
 * further down decides only about paths that were delegated to it. It must not decide about more by naming other people's
 * roles.
 */
export class Claims {
  readonly #delegators = new Map<RoleName, RoleName[]>();

  add(delegator: RoleName, role: RoleName): void {
    const known = this.#delegators.get(role);
    if (known === undefined) this.#delegators.set(role, [delegator]);
    else known.push(delegator);
  }

  /** The delegator that every upload of `role` must verify under; undefined where nobody delegates to it. */
  owner(role: RoleName): RoleName | undefined {
    return this.#delegators.get(role)?.[0];
  }

  /** Roles that more than one role delegates to, with their delegators, the owner first. */
  *shared(): Generator<{ readonly role: RoleName; readonly delegators: readonly RoleName[] }> {
    for (const [role, delegators] of this.#delegators) if (delegators.length > 1) yield { role, delegators };
  }

  /** Whether `role` exists by the grace of `above`: who owns it, or owns its owner, and so on. */
  isBelow(role: RoleName, above: RoleName): boolean {
    // Each owner was walked before what it owns, so this ends.
    for (let at: RoleName | undefined = role; at !== undefined && at !== TARGETS;) {
      at = this.owner(at);
      if (at === above) return true;
    }
    return false;
  }
}

/**
 * A role that somebody owns is newly named by others only with the owner's consent, which is the owner's document in the
 * same upload, or by those the owner itself is delegated by: else any delegated key could have a say in its siblings' roles.
 * @throws CountersignError `delegation`
 */
export function checkClaims(step: Step, claims: Claims): void {
  const before = new Map<RoleName, ReadonlySet<RoleName>>();
  const isNew = (delegator: RoleName, role: RoleName): boolean => {
    if (!step.upload.targets.has(delegator)) return false;
    let named = before.get(delegator);
    if (named === undefined) before.set(delegator, (named = namedBefore(step, delegator)));
    return !named.has(role);
  };
  for (const { role, delegators } of claims.shared()) {
    const owner = delegators.find((delegator) => !isNew(delegator, role));
    if (owner === undefined || step.upload.targets.has(owner)) continue;
    const strange = delegators.find((delegator) => isNew(delegator, role) && !claims.isBelow(owner, delegator));
    if (strange !== undefined) throw taken(role, owner, strange);
  }
}

function taken(role: RoleName, owner: RoleName, by: RoleName): CountersignError {
  return new CountersignError('delegation', `${by} newly delegates to ${role}, which ${owner} delegates to already`, {
    detail: { role, owner },
    next: `Give the role another name, or publish ${by} together with the next version of ${owner}.`,
  });
}

/** What the published version of a role delegates to; the walk has loaded it. */
function namedBefore(step: Step, role: RoleName): ReadonlySet<RoleName> {
  const delegations: Delegations | undefined = step.published?.targets(role)?.signed.delegations;
  const named = new Set<RoleName>();
  if (delegations !== undefined) for (const { name } of delegationsOf(delegations)) named.add(name);
  return named;
}
