import type { Authority } from './key-ring.js';
import type { TrustedState } from './state.js';
import type { Envelope } from './tuf/envelope.js';
import { CountersignError } from './tuf/errors.js';
import type { Root, Targets } from './tuf/model.js';
import { TARGETS, type RoleName, type TopLevelRole } from './tuf/names.js';

/** A targets role as it is published, and who may sign its next version. */
export interface PublishedRole {
  readonly authority: Authority;
  /** Undefined where it was never published, in a format in which a role may be delegated to before it is. */
  readonly current: Envelope<Targets> | undefined;
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
  const top = { authority: rootAuthority(trust.final.root.signed, 'targets'), current: trust.targets };
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
      if (delegation.name === name && isUnpublished(state, name))
        return { authority: { role: delegation, keys: delegations.keys }, current: undefined };
      try {
        const current = await loader.load({ role, delegations }, delegation);
        if (delegation.name === name) return { authority: { role: delegation, keys: delegations.keys }, current };
        waiting.push({ role: delegation.name, targets: current });
      } catch (error) {
        if (!(error instanceof CountersignError)) throw error;
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

/** Whether a role may be without a first version. */
function isUnpublished({ trust }: TrustedState, name: RoleName): boolean {
  const { rules } = trust.final.context.format;
  return rules.unverifiableRole === 'tolerate' && !trust.snapshot.signed.meta.has(name);
}

/** The version of a role that the snapshot lists; 0 where the collection never had it. */
export function listedVersion({ trust }: TrustedState, role: RoleName): number {
  const listed = trust.snapshot.signed.meta.get(role);
  return listed?.by === 'version' ? listed.version : 0;
}
