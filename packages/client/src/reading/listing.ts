import { findTarget, reachableRoles, type FoundTarget } from '../tuf/delegations.js';
import { TARGETS, type TargetPath } from '../tuf/names.js';
import type { TrustedState } from './state.js';

/**
 * Every target a look-up would find, each once. What top-level targets lists always wins; any other path is looked up, since
 * only the search knows which of several roles speaks for it, and whether the one listing it may (W6.5, W6.6).
 */
export async function* effectiveTargets(
  state: Pick<TrustedState, 'trust' | 'options' | 'loader'>,
): AsyncGenerator<FoundTarget, void, undefined> {
  const { trust, options, loader } = state;
  const seen = new Set<TargetPath>();
  for (const [path, file] of trust.targets.signed.targets) yield { path, file, role: TARGETS };
  for await (const { targets, delegation } of reachableRoles(trust, options, loader)) {
    if (delegation === undefined) continue;
    for (const path of targets.signed.targets.keys()) {
      if (seen.has(path) || trust.targets.signed.targets.has(path)) continue;
      seen.add(path);
      const found = await findTarget(trust, path, options, loader);
      if (found !== undefined) yield found;
    }
  }
}
