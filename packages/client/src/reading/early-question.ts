import type { CacheView } from '../cache/cache-view.js';
import type { HeldVersions } from '../cache/cache.js';
import type { Repository } from './repository.js';
import type { RefreshLimits } from '../tuf/refresh.js';
import { ROOT, SNAPSHOT, TARGETS, TIMESTAMP, type RoleName } from '../tuf/names.js';
import type { Held, Updates } from './updates.js';

/** What is asked of a repository before the saved root has been read and verified: both take their time. */
export interface EarlyQuestion {
  /** The answer, where it is the one to this question; otherwise it is not waited for. */
  answerTo(held: Held): Promise<Updates | undefined> | undefined;
  /** Ends it. */
  drop(): void;
}

export interface EarlyParts {
  readonly repository: Repository;
  readonly view: CacheView;
  readonly limits: RefreshLimits;
  readonly signal: AbortSignal | undefined;
}

/** Asks what is new for who holds `noted`; undefined where that does not say which root, or there is none. */
export async function askEarly(noted: HeldVersions, parts: EarlyParts): Promise<EarlyQuestion | undefined> {
  const { repository, view, limits, signal } = parts;
  const { root } = noted;
  if (root === undefined || (await view.load(ROOT)) === undefined) return undefined;
  const asked: Held = { root, ...(await stillHeld(noted, (role) => view.load(role))) };
  const dropped = new AbortController();
  const either = signal === undefined ? dropped.signal : AbortSignal.any([signal, dropped.signal]);
  const answer = repository.updates(asked, limits, either);
  answer.catch(() => undefined); // told to who asks for the answer, if anybody does
  const drop = (): void => dropped.abort();
  return {
    answerTo(held) {
      if (isSame(asked, held)) return answer;
      drop();
      return undefined;
    },
    drop,
  };
}

/** Of the versions noted, those of files that are there. */
export async function stillHeld(
  noted: HeldVersions,
  cached: (role: RoleName) => Promise<Uint8Array | undefined>,
): Promise<Omit<Held, 'root'>> {
  const versions = await Promise.all(
    ([TIMESTAMP, SNAPSHOT, TARGETS] as const).map(async (role) =>
      (await cached(role)) === undefined ? 0 : noted[role as 'timestamp' | 'snapshot' | 'targets'],
    ),
  );
  const [timestamp = 0, snapshot = 0, targets = 0] = versions;
  return { timestamp, snapshot, targets };
}

function isSame(one: Held, other: Held): boolean {
  return (['root', 'timestamp', 'snapshot', 'targets'] as const).every((role) => one[role] === other[role]);
}
