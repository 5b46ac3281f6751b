import type { RoleLoader } from '../tuf/delegations.js';
import type { RefreshOptions } from '../tuf/refresh.js';
import type { TargetsTrust } from '../tuf/trust.js';

/** One trusted state of a collection and what reading more of it needs. */
export interface TrustedState {
  readonly trust: TargetsTrust;
  readonly options: RefreshOptions;
  readonly loader: RoleLoader;
  /** As `options`, for what `signal` may end; undefined: for what ends by itself. */
  readonly optionsUntil: (signal: AbortSignal | undefined) => RefreshOptions;
}
