import { Writable } from 'node:stream';

/** A stream that keeps what is written to it. */
export class Collected extends Writable {
  text = '';
  readonly #listeners: (() => void)[] = [];

  /** Calls `listener` after every write. */
  onWrite(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Calls `listener` once, when `wanted` has been written. */
  onText(wanted: string, listener: () => void): void {
    let done = false;
    this.onWrite(() => {
      if (done || !this.text.includes(wanted)) return;
      done = true;
      listener();
    });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
    for (const listener of this.#listeners) listener();
  }
}
