/** The part of the Web Locks this library uses. */
export interface Locks {
  request<T>(name: string, options: { readonly signal: AbortSignal }, callback: () => Promise<T>): Promise<T>;
}

/** Milliseconds to wait for another tab, which may be frozen with the lock in its hands. */
const PATIENCE = 20_000;

/**
 * Does `work` when no other tab does work of this name. Without locks, or after some seconds of waiting, it is done at once:
 * the lock spares work, and keeps nothing right.
 * @throws the signal's own reason, if it comes before the turn; what `work` throws
 */
export async function waitingTurn<T>(
  locks: Locks | undefined,
  name: string,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  if (locks === undefined) return work();
  const patience = AbortSignal.timeout(PATIENCE);
  const turn: { work?: Promise<T> } = {};
  try {
    const until = signal === undefined ? patience : AbortSignal.any([signal, patience]);
    return await locks.request(name, { signal: until }, () => (turn.work = work()));
  } catch {
    if (turn.work !== undefined) return turn.work;
    signal?.throwIfAborted();
    return work();
  }
}
