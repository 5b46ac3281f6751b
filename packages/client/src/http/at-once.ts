/**
 * Does `work` on every item, on `limit` of them at once. After a failure none is begun any more, and `stopped` tells those
 * under way; when all have ended the first failure is thrown, so that nothing goes on behind the caller's back.
 */
export async function atOnce<T>(
  limit: number,
  items: readonly T[],
  work: (item: T, stopped: AbortSignal) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const stop = new AbortController();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    // One iterator shared by all workers hands each item out once.
    for (const item of waiting) {
      if (stop.signal.aborted) return;
      try {
        await work(item, stop.signal);
      } catch (error) {
        failures.push(error);
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
}
