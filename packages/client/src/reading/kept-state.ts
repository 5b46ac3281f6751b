import type { MetadataCache } from '../cache/cache.js';
import { equalBytes } from '../tuf/encoding.js';
import { hasCode } from '../tuf/errors.js';
import { ROOT } from '../tuf/names.js';
import type { TrustContext } from '../tuf/trust.js';
import { judgedAnew } from '../tuf/trust/anew.js';
import type { TrustedState } from './state.js';

/**
 * A verified state that no refresh has replaced, as it is to be read later: what has expired by then is refused. Undefined where
 * top-level metadata has, or where another root is trusted by now: it may have taken the keys away that signed the rest.
 */
export async function keptState(
  state: TrustedState,
  cache: Pick<MetadataCache, 'load'>,
  judgeAt: TrustContext['judgeAt'],
): Promise<TrustedState | undefined> {
  const root = await cache.load(ROOT);
  if (root === undefined || !equalBytes(root, state.trust.final.root.raw)) return undefined;
  try {
    const trust = judgedAnew(state.trust, judgeAt);
    return { ...state, trust, loader: state.loader.judgedBy(trust) };
  } catch (error) {
    if (hasCode(error, 'freeze')) return undefined;
    throw error;
  }
}
