import { keysOf, type Authority } from '../../publishing/key-ring.js';
import type { CollectionHome } from '../../node/home.js';
import { rootAuthority } from '../../publishing/role-search.js';
import { formatOfRoot } from '../../reading/root-format.js';
import type { PathSet, PublicKey } from '../../tuf/model.js';
import { ROOT, SNAPSHOT, TARGETS, type RoleName } from '../../tuf/names.js';

/** A role whose keys are published, as last seen. */
export interface KnownRole {
  readonly name: RoleName;
  readonly authority: Authority;
  /** What it may list; undefined where that is everything. */
  readonly paths: PathSet | undefined;
}

/** Root, snapshot, targets and the delegated roles below, as they were last seen: asks nobody. A role delegated twice is there twice. */
export async function knownRoles(home: CollectionHome): Promise<readonly KnownRole[]> {
  const raw = (await home.metadata.load(ROOT)) ?? (await home.firstRoot());
  if (raw === undefined) return [];
  const format = formatOfRoot(raw);
  const root = format.parseRoot(raw).signed;
  const known: KnownRole[] = [
    { name: ROOT, authority: rootAuthority(root, 'root'), paths: undefined },
    { name: SNAPSHOT, authority: rootAuthority(root, 'snapshot'), paths: undefined },
    { name: TARGETS, authority: rootAuthority(root, 'targets'), paths: undefined },
  ];
  const seen = new Set<RoleName>([TARGETS]);
  for (const name of seen) {
    const file = await home.metadata.load(name);
    const delegations = file === undefined ? undefined : format.parseTargets(file).signed.delegations;
    for (const role of delegations?.roles ?? []) {
      known.push({ name: role.name, authority: { role, keys: delegations?.keys ?? new Map() }, paths: role.paths });
      seen.add(role.name);
    }
  }
  return known;
}

export function publicKeys({ authority }: KnownRole): readonly PublicKey[] {
  return keysOf(authority);
}
