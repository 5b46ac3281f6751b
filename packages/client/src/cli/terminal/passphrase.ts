import { readFile } from 'node:fs/promises';
import { CountersignError } from '../../tuf/errors.js';
import type { CommandIo } from './io.js';

/** Bytes; more than anybody types. */
const MAX_FILE = 4096;
/** How often a wrong passphrase may be typed. */
const TRIES = 3;
/** Before a prompt that was answered. No tick: whether the answer is right is not known yet. */
const ANSWERED = '>';

/** The passphrase of this person's keys: from a file, from the environment, or asked for on a terminal; never waited for. */
export class Passphrases {
  readonly #io: CommandIo;
  readonly #file: string | undefined;
  #known: string | undefined;

  constructor(io: CommandIo, file: string | undefined) {
    this.#io = io;
    this.#file = file;
  }

  /** For a key to be made. Asked for twice. @throws CountersignError `unsealed` where there is none and nobody to ask */
  async fresh(): Promise<string> {
    const given = this.#known ?? (await this.#given());
    if (given !== undefined) return given;
    this.#demandTerminal();
    for (let tries = 0; tries < TRIES; tries += 1) {
      const first = await this.#ask('New passphrase for your keys');
      if (first === '') {
        this.#io.stderr.write('A passphrase cannot be empty.\n');
      } else if (first === (await this.#ask('The same again'))) {
        this.#known = first;
        return first;
      } else {
        this.#io.stderr.write('These are not the same.\n');
      }
    }
    throw new CountersignError('unsealed', 'no passphrase was chosen', { next: 'Try again.' });
  }

  /**
   * Runs `open` with the passphrase, on a terminal again while it is wrong. `what` names the key.
   * @throws CountersignError `unsealed`
   */
  async unlock<T>(what: string, open: (passphrase: string) => Promise<T>): Promise<T> {
    const given = await this.#given();
    if (given !== undefined) return open(given);
    this.#demandTerminal();
    let tried: unknown;
    if (this.#known !== undefined) {
      try {
        return await open(this.#known);
      } catch (error) {
        tried = notWrong(error);
      }
    }
    for (let tries = 0; tries < TRIES; tries += 1) {
      const typed = await this.#ask(`Passphrase for ${what}`);
      try {
        const opened = await open(typed);
        this.#known = typed;
        return opened;
      } catch (error) {
        tried = notWrong(error);
        this.#io.stderr.write('That is not it.\n');
      }
    }
    throw tried;
  }

  async #given(): Promise<string | undefined> {
    if (this.#file !== undefined) return readPassphrase(this.#file);
    const fromEnvironment = this.#io.env['COUNTERSIGN_PASSPHRASE'];
    return fromEnvironment === '' ? undefined : fromEnvironment;
  }

  #demandTerminal(): void {
    if (this.#io.stdin.isTTY === true && this.#io.stderr.isTTY === true) return;
    throw new CountersignError('unsealed', 'a passphrase is needed, and there is no terminal to ask for it', {
      next: 'Set COUNTERSIGN_PASSPHRASE, or give --passphrase-file FILE.',
    });
  }

  async #ask(message: string): Promise<string> {
    const { stdin, stderr, signal } = this.#io;
    const { default: password } = await import('@inquirer/password');
    const closed = new AbortController();
    const close = (): void => closed.abort();
    // Ctrl-D closes the prompt without a word from it, and nothing would be left to wait for.
    const look = (_: unknown, key: { readonly ctrl?: boolean; readonly name?: string } | undefined): void => {
      if (key?.ctrl === true && key.name === 'd') close();
    };
    stdin.on('keypress', look).once('end', close);
    try {
      return await password(
        { message, mask: '*', theme: { prefix: { idle: '?', done: ANSWERED } } },
        {
          input: stdin,
          output: stderr,
          signal: signal === undefined ? closed.signal : AbortSignal.any([signal, closed.signal]),
        },
      );
    } finally {
      stdin.off('keypress', look).off('end', close);
    }
  }
}

/** A wrong passphrase is worth another try; anything else is not. */
function notWrong(error: unknown): unknown {
  if (error instanceof CountersignError && error.code === 'unsealed') return error;
  throw error;
}

/** The first line of a file. @throws CountersignError `unsealed` */
export async function readPassphrase(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CountersignError('unsealed', `the passphrase file ${path} cannot be read`, {
      cause,
      next: 'Check its path.',
    });
  });
  const [line = ''] = text.split(/\r?\n/u);
  if (line !== '' && text.length <= MAX_FILE) return line;
  throw new CountersignError('unsealed', `the passphrase file ${path} is ${line === '' ? 'empty' : 'too long'}`, {
    next: 'Put the passphrase on its first line.',
  });
}
