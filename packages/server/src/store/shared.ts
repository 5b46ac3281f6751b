interface Running<T> {
  readonly now: Promise<T>;
  /** Whether the query of `now` has begun: until then whoever asks may have its answer. */
  begun: boolean;
  /** What those who asked since `now` began are waiting for. */
  next: Promise<T> | undefined;
}

/**
 * Reads of the same moment share one query, but only one that starts after each of them arrived: it starts when everybody
 * who is ready in this turn of the event loop has asked, and while it runs, those who ask wait together for the next. So
 * nobody is answered with what was true before they asked.
 */
export function shared<Key, T>(read: (key: Key) => Promise<T>): (key: Key) => Promise<T> {
  const running = new Map<Key, Running<T>>();

  function start(key: Key): Promise<T> {
    const begin = async (): Promise<T> => {
      await new Promise((resolve) => setImmediate(resolve));
      entry.begun = true;
      return read(key);
    };
    const entry: Running<T> = { now: begin(), begun: false, next: undefined };
    running.set(key, entry);
    const done = (): void => {
      if (running.get(key) === entry && entry.next === undefined) running.delete(key);
    };
    entry.now.then(done, done);
    return entry.now;
  }

  return (key) => {
    const entry = running.get(key);
    if (entry === undefined) return start(key);
    if (!entry.begun) return entry.now;
    entry.next ??= entry.now.then(
      () => start(key),
      () => start(key),
    );
    return entry.next;
  };
}
