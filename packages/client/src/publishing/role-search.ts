import type { Authority } from './key-ring.js';
import type { TrustedState } from '../reading/state.js';
import type { Envelope } from '../tuf/envelope.js';
import { CountersignError } from '../tuf/errors.js';
import type { Root, Targets } from '../tuf/model.js';
import { TARGETS, type RoleName, type TopLevelRole } from '../tuf/names.js';

/** A targets role as it is published, and who may sign its next version. */
export interface PublishedRole {
  readonly authority: Authority;
  /**
   * Undefined where nothing of it can be trusted, in a format that lets that be: it was never published, or not by who may
   * sign it now.
   */
  readonly current: Envelope<Targets> | undefined;
  /** The version that the next one must be above; 0 where there was none. */
  readonly above: number;
}

export function rootAuthority(root: Root, role: TopLevelRole): Authority {
  return { role: root.roles[role], keys: root.keys };
}

/**
 * The role named `name`, wherever below top-level targets it is delegated to. Roles on other branches that cannot be verified
 * do not matter; hash bins are not searched.
 * @throws CountersignError `delegation` where no role delegates to it; why it, or a role on the way, cannot be verified
 */
export async function findRole(state: TrustedState, name: RoleName): Promise<PublishedRole> {
  const { trust, loader } = state;
  const top = published(rootAuthority(trust.final.root.signed, 'targets'), trust.targets);
  if (name === TARGETS) return top;
  const seen = new Set<RoleName>([TARGETS]);
  const waiting: { readonly role: RoleName; readonly targets: Envelope<Targets> }[] = [
    { role: TARGETS, targets: trust.targets },
  ];
  let unread: unknown;
  for (const { role, targets } of waiting) {
    const { delegations } = targets.signed;
    for (const delegation of delegations?.roles ?? []) {
      if (delegations === undefined || (seen.has(delegation.name) && delegation.name !== name)) continue;
      seen.add(delegation.name);
      const authority = { role: delegation, keys: delegations.keys };
      if (delegation.name === name && isUnpublished(state, name)) return { authority, current: undefined, above: 0 };
      try {
        const current = await loader.load({ role, delegations }, delegation);
        if (delegation.name === name) return published(authority, current);
        waiting.push({ role: delegation.name, targets: current });
      } catch (error) {
        if (!(error instanceof CountersignError)) throw error;
        if (delegation.name === name && error.code === 'threshold' && mayBeUnverifiable(state))
          return { authority, current: undefined, above: await loader.listedVersion(name) };
        if (delegation.name === name) throw error;
        unread ??= error;
      }
    }
  }
  throw new CountersignError('delegation', `no role delegates to ${name}`, {
    detail: { role: name },
    next: 'See `countersign delegation list`; send a request to whoever holds the targets key.',
    ...(unread === undefined ? {} : { cause: unread }),
  });
}

function published(authority: Authority, current: Envelope<Targets>): PublishedRole {
  return { authority, current, above: current.signed.version };
}

/** Whether a role may be without a version that its keys have signed. */
function mayBeUnverifiable({ trust }: TrustedState): boolean {
  return trust.final.context.format.rules.unverifiableRole === 'tolerate';
}

function isUnpublished(state: TrustedState, name: RoleName): boolean {
  return mayBeUnverifiable(state) && !state.trust.snapshot.signed.meta.has(name);
}

/** The version of a role that the snapshot lists; 0 where the collection never had it. */
export function listedVersion({ trust }: TrustedState, role: RoleName): number {
  const listed = trust.snapshot.signed.meta.get(role);
  return listed?.by === 'version' ? listed.version : 0;
}
