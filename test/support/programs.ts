import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Where Debian puts daemons, which an ordinary user's PATH leaves out. */
const SYSTEM = ['/usr/sbin', '/sbin'];
const LONGEST_RUN_MS = 60_000;
const LONGEST_START_MS = 30_000;

/** Variables of a program that is run: these and no others, so that nothing of this machine's set-up leaks in. */
export type Environment = Readonly<Record<string, string>>;

/** How a program ended, and what it printed. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env: Environment;
  readonly cwd?: string;
  /** What it reads from standard input, which then ends; without it standard input is empty. */
  readonly input?: string;
}

/** The path of a program, or undefined where it is not installed. */
export function findProgram(name: string): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM].filter((path) => path !== '');
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

/** The path of a program that `missingPrograms` has not named. */
export function programPath(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`${name} is not installed`);
  return path;
}

/** Those of the programs that are not installed. In CI that is an error: there no suite may be skipped. */
export function missingPrograms(names: readonly string[]): readonly string[] {
  return refusedInCi(names.filter((name) => findProgram(name) === undefined));
}

export function refusedInCi(missing: readonly string[]): readonly string[] {
  if (missing.length > 0 && process.env['CI'] === 'true')
    throw new Error(`missing: ${missing.join(', ')}; in CI no suite may be skipped`);
  return missing;
}

/**
 * Runs a program to its end.
 * @throws Error if it has not ended after a minute; it is then killed
 */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<Outcome> {
  const child = spawn(program, args, { env: options.env, cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  child.stdin.on('error', () => undefined); // it ended without reading
  child.stdin.end(options.input ?? '');
  const alarm = setTimeout(() => child.kill('SIGKILL'), LONGEST_RUN_MS);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(alarm);
  if (signal !== null)
    throw new Error(`${program} ${args.join(' ')}: ended by ${signal}\n${output.stdout}${output.stderr}`);
  return { code, ...output };
}

/** A server program that runs until it is stopped, or until this process ends. */
export class Service {
  readonly #child: ChildProcess;
  readonly #name: string;
  #output = '';

  constructor(program: string, args: readonly string[], env: Environment, cwd: string) {
    this.#name = program;
    this.#child = spawn(program, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (text: string): string => (this.#output = (this.#output + text).slice(-20_000));
    this.#child.stdout?.setEncoding('utf8').on('data', keep);
    this.#child.stderr?.setEncoding('utf8').on('data', keep);
    process.once('exit', this.#kill);
  }

  /** Resolves once `condition` holds. */
  async until(condition: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + LONGEST_START_MS;
    while (!(await condition())) {
      if (this.#ended()) throw new Error(`${this.#name} ended while starting:\n${this.#output}`);
      if (Date.now() > end) throw new Error(`${this.#name} did not start within 30 seconds:\n${this.#output}`);
      await delay(50);
    }
  }

  async stop(): Promise<void> {
    process.removeListener('exit', this.#kill);
    if (this.#ended()) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const alarm = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await exit;
    clearTimeout(alarm);
  }

  readonly #kill = (): void => {
    this.#child.kill('SIGKILL');
  };

  #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}

/** A port of 127.0.0.1 that nobody listened on a moment ago, for programs that cannot pick one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Whether somebody listens on a port of 127.0.0.1. */
export async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    const done = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', done(true)).once('error', done(false));
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
