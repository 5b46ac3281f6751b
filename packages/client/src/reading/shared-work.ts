/** Work that several wait for. Who gives up leaves the others their result; when all have given up, the work is ended. */
export class SharedWork<T> {
  readonly #stop = new AbortController();
  readonly #result: Promise<T>;
  #waiting = 0;

  constructor(work: (signal: AbortSignal) => Promise<T>) {
    this.#result = work(this.#stop.signal);
    this.#result.catch(() => undefined); // it is told to those who wait
  }

  /** Whether it is being ended, so that there is nothing to wait for. */
  get isEnding(): boolean {
    return this.#stop.signal.aborted;
  }

  /** What the work comes to. @throws what it throws, and the reason of `signal` */
  async join(signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted();
    this.#waiting += 1;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting -= 1;
        // The last one waits until nothing is left half done.
        if (this.#waiting === 0) this.#stop.abort(signal?.reason);
        else reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', leave, { once: true });
      void this.#result.then(resolve, reject).finally(() => signal?.removeEventListener('abort', leave));
    });
  }
}
