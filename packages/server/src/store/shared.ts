/**
 * Reads of the same moment share one query, but only one that starts after each of them arrived: while a query runs, those
 * who ask wait together for the next. So nobody is answered with what was true before they asked.
 */
export function shared<Key, T>(read: (key: Key) => Promise<T>): (key: Key) => Promise<T> {
  const running = new Map<Key, { readonly now: Promise<T>; next: Promise<T> | undefined }>();

  function start(key: Key): Promise<T> {
    const now = read(key);
    const entry = { now, next: undefined };
    running.set(key, entry);
    const done = (): void => {
      if (running.get(key) === entry && entry.next === undefined) running.delete(key);
    };
    now.then(done, done);
    return now;
  }

  return (key) => {
    const entry = running.get(key);
    if (entry === undefined) return start(key);
    entry.next ??= entry.now.then(
      () => start(key),
      () => start(key),
    );
    return entry.next;
  };
}
