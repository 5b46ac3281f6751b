import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { main } from '../../packages/client/src/cli/main.js';
import { Collected } from './collected.js';
import type { Tty } from './tty.js';

/** Sealing that costs nothing, for tests. */
const CHEAP = { N: 1024, r: 8, p: 1 };

/** What one run of the command left behind. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface PersonOptions {
  readonly server?: string;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** What is special about one run. */
export interface Surroundings {
  /** Over the person's own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly tty?: Tty;
  readonly signal?: AbortSignal;
  /** The current directory, as far as a `trust.lock` is looked for there; the person's own unless given. */
  readonly cwd?: string;
}

/** Somebody with a home directory of their own, typing commands; no terminal. */
export class Person {
  readonly directory: string;
  readonly env: Record<string, string>;
  readonly #now: (() => number) | undefined;

  private constructor(directory: string, options: PersonOptions) {
    this.directory = directory;
    this.#now = options.now;
    this.env = { COUNTERSIGN_HOME: join(directory, 'home'), COUNTERSIGN_PASSPHRASE: 'correct horse' };
    if (options.server !== undefined) this.env['COUNTERSIGN_SERVER'] = options.server;
  }

  static async arrive(options: PersonOptions = {}): Promise<Person> {
    return new Person(await mkdtemp(join(tmpdir(), 'countersign-person-')), options);
  }

  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  /** Runs `countersign …argv`. */
  async run(...argv: string[]): Promise<Ran> {
    return this.runWith({}, ...argv);
  }

  async runWith(surroundings: Surroundings, ...argv: string[]): Promise<Ran> {
    const { env, tty, signal, cwd = this.directory } = surroundings;
    const out = new Collected();
    const err = tty?.stderr ?? new Collected();
    const io = {
      env: { ...this.env, ...env },
      stdin: tty?.stdin ?? new PassThrough(),
      scrypt: CHEAP,
      cwd,
      stdout: out,
      stderr: err,
      ...(signal === undefined ? {} : { signal }),
      ...(this.#now === undefined ? {} : { now: this.#now }),
    };
    const code = await main(argv, io);
    return { code, out: out.text, err: err.text };
  }

  /** As `run`, where success is taken for granted; its standard output. */
  async ok(...argv: string[]): Promise<string> {
    const { code, out, err } = await this.run(...argv);
    if (code !== 0) throw new Error(`countersign ${argv.join(' ')} exited with ${code}\n${err}${out}`);
    return out;
  }

  /** As `ok`, with `--json`. */
  async json<T>(...argv: string[]): Promise<T> {
    return JSON.parse(await this.ok(...argv, '--json')) as T;
  }

  async leave(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}
