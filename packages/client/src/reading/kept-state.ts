import { checkClock } from './clock.js';
import type { RefreshSettings } from './refreshing.js';
import { judging } from './starting-root.js';
import type { TrustedState } from './state.js';
import { equalBytes } from '../tuf/encoding.js';
import { hasCode } from '../tuf/errors.js';
import { ROOT, type Instant } from '../tuf/names.js';
import { judgedAnew } from '../tuf/trust/anew.js';

export interface KeptAt {
  readonly now: Instant;
  /** The version of the newest root a refresh has found genuine since; 0 where none was. */
  readonly newestRoot: number;
}

/**
 * A verified state that no refresh has replaced, as it is to be read at `now`: what has expired by then is refused. Undefined
 * where top-level metadata has, where a guarded clock was set back, which would make it fresh again, or where another root is
 * trusted by now, though it could not be saved: it may have taken the keys away that signed the rest.
 */
export async function keptState(
  state: TrustedState,
  { cache, purpose, clockTolerance }: Pick<RefreshSettings, 'cache' | 'purpose' | 'clockTolerance'>,
  { now, newestRoot }: KeptAt,
): Promise<TrustedState | undefined> {
  const { root } = state.trust.final;
  const saved = await cache.load(ROOT);
  if (saved === undefined || !equalBytes(saved, root.raw) || root.signed.version < newestRoot) return undefined;
  try {
    checkClock((await cache.notes()).refreshedAt, now, clockTolerance);
    const trust = judgedAnew(state.trust, judging(purpose, now));
    return { ...state, trust, loader: state.loader.judgedBy(trust) };
  } catch (error) {
    if (hasCode(error, 'freeze', 'clock')) return undefined;
    throw error;
  }
}
