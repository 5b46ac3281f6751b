interface Running<T> {
  readonly now: Promise<T>;
  /** What those who asked since `now` began are waiting for. */
  next: Promise<T> | undefined;
}

/**
 * Reads of the same moment share one query, but only one that starts after each of them arrived: while a query runs, those
 * who ask wait together for the next. So nobody is answered with what was true before they asked.
 */
export function shared<Key, T>(read: (key: Key) => Promise<T>): (key: Key) => Promise<T> {
  const running = new Map<Key, Running<T>>();

  function start(key: Key): Promise<T> {
    const now = read(key);
    const entry: Running<T> = { now, next: undefined };
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
