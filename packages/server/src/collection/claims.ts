import { CountersignError, TARGETS, type RoleName } from '@countersign/client/tuf';
import { delegationsOf } from './delegations.js';
import type { Step } from './walk.js';
import { WORK_PER_BYTE } from './work.js';

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
  #spans: ReadonlyMap<RoleName, Span> | undefined;

  add(delegator: RoleName, role: RoleName): void {
    this.#spans = undefined;
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
    this.#spans ??= this.#numbered();
    const [inner, outer] = [this.#spans.get(role), this.#spans.get(above)];
    return inner !== undefined && outer !== undefined && outer.enter < inner.enter && inner.exit <= outer.exit;
  }

  /**
   * Each role's place in the tree of owners: what is below a role lies within its span. Asking the tree itself would take as
   * many steps as it is deep, for each of as many questions as there are delegations.
   */
  #numbered(): ReadonlyMap<RoleName, Span> {
    const owned = new Map<RoleName, RoleName[]>();
    for (const [role, [owner]] of this.#delegators) {
      if (owner === undefined) continue;
      const known = owned.get(owner);
      if (known === undefined) owned.set(owner, [role]);
      else known.push(role);
    }
    const spans = new Map<RoleName, { enter: number; exit: number }>();
    let next = 0;
    const open: { readonly span: { exit: number }; readonly waiting: RoleName[] }[] = [];
    const enter = (role: RoleName): void => {
      const span = { enter: (next += 1), exit: Number.POSITIVE_INFINITY };
      spans.set(role, span);
      open.push({ span, waiting: owned.get(role) ?? [] });
    };
    enter(TARGETS);
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const role = top.waiting.pop();
      // A role has one owner, which was walked before it: each is entered once.
      if (role !== undefined) enter(role);
      else {
        top.span.exit = next;
        open.pop();
      }
    }
    return spans;
  }
}

/** Numbers in the order in which a tree is entered: a role's own, and the highest below it. */
interface Span {
  readonly enter: number;
  readonly exit: number;
}

/**
 * A role that somebody owns is newly named by others only with the owner's consent, which is the owner's document in the
 * same upload, or by those the owner itself is delegated by: else any delegated key could have a say in its siblings' roles.
 * @throws CountersignError `delegation`, or `too-many` where that is more work than is left
 */
export async function checkClaims(step: Step, claims: Claims): Promise<void> {
  const uploaded = new Set<RoleName>();
  for (const { delegators } of claims.shared())
    for (const delegator of delegators) if (step.upload.targets.has(delegator)) uploaded.add(delegator);
  const before = await namedBefore(step, uploaded);
  const isNew = (delegator: RoleName, role: RoleName): boolean =>
    uploaded.has(delegator) && before.get(delegator)?.has(role) !== true;
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

/** What the published versions of `roles` delegate to. */
export async function namedBefore(
  { published, format, work }: Step,
  roles: ReadonlySet<RoleName>,
): Promise<ReadonlyMap<RoleName, ReadonlySet<RoleName>>> {
  const named = new Map<RoleName, ReadonlySet<RoleName>>();
  if (published === undefined) return named;
  for await (const file of published.files(roles)) {
    if (file === undefined) continue;
    if (work.spend(file.bytes.length * WORK_PER_BYTE)) await work.pause();
    const { delegations } = format.parseTargets(file.bytes).signed;
    const names = delegations === undefined ? [] : Array.from(delegationsOf(delegations), ({ name }) => name);
    named.set(file.role, new Set(names));
  }
  return named;
}
