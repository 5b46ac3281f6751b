import { PassThrough } from 'node:stream';
import { Collected } from './collected.js';

/** A prompt, or how it begins, and what is typed when it shows. */
export type Typed = readonly [prompt: string, text: string];

export const ENTER = '\r';
export const CTRL_C = '\x03';
export const CTRL_D = '\x04';
/** Stands before a prompt that was answered. */
const ANSWERED = '> ';

/** Marks a stream as one of the process's own, which pipes do not end. */
const PROCESS_STREAM = { _isStdio: true };

/** Standard input and error as a terminal, with somebody who types. */
export class Tty {
  readonly stdin = Object.assign(new PassThrough(), { isTTY: true });
  readonly stderr: Collected & { isTTY: boolean };
  readonly #typed: Typed[];
  /** Up to where what is shown has been taken in. */
  #seen = 0;
  #answering: string | undefined;

  constructor(typed: readonly Typed[] = []) {
    this.#typed = [...typed];
    this.stderr = Object.assign(new Collected(), { isTTY: true, columns: 80, ...PROCESS_STREAM });
    this.stderr.onWrite(() => this.#look());
  }

  /** Prompts that were to come and did not. */
  get unasked(): readonly string[] {
    return this.#typed.map(([prompt]) => prompt);
  }

  #look(): void {
    const { text } = this.stderr;
    if (this.#answering !== undefined) {
      const answered = text.indexOf(ANSWERED, this.#seen);
      const end = answered < 0 ? -1 : text.indexOf(this.#answering, answered);
      if (end < 0) return;
      this.#seen = end + this.#answering.length;
      this.#answering = undefined;
    }
    const [next] = this.#typed;
    if (next === undefined || !text.includes(next[0], this.#seen)) return;
    this.#typed.shift();
    this.#answering = next[0];
    setImmediate(() => this.stdin.write(next[1]));
  }
}
