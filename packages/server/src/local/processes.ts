import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { CountersignError } from '@countersign/client/tuf';

/** A process the launcher keeps running. */
export interface ProcessSpec {
  /** The name of its command; it prints `<name> listening on …` when it is ready. */
  readonly name: string;
  /** The script's path. */
  readonly script: string;
  readonly args: readonly string[];
  /** Takes every line it prints. */
  readonly log: (line: string) => void;
}

/** What a supervisor needs from outside. */
export interface SupervisorOptions {
  /** Milliseconds that only ever grow. */
  readonly uptime: () => number;
  /** Tells the person what happened, in one line. */
  readonly say: (line: string) => void;
  /** Milliseconds before the first restart; each further one waits twice as long. */
  readonly firstDelay?: number;
}

/** Deaths in a row, each within `STEADY_MS` of the start, after which a process is given up. */
const MOST_DEATHS = 5;
const STEADY_MS = 60_000;
const FIRST_DELAY_MS = 250;
const READY_MS = 60_000;
const STOP_MS = 15_000;
/** How many of its last lines show why a process died. */
const TAIL = 12;

const FOLLOW_LAUNCHER = new URL('./follow-launcher.js', import.meta.url).href;

/**
 * Keeps one process running: starts it, starts it again when it dies, and gives up when it keeps dying. The process is in
 * a group of its own, so that Ctrl-C reaches the launcher alone, which stops it in order; it stops by itself when the
 * launcher is gone.
 */
export class Supervisor {
  readonly #spec: ProcessSpec;
  readonly #options: SupervisorOptions;
  #child: ChildProcess | undefined;
  #pendingStart: NodeJS.Timeout | undefined;
  #tail: string[] = [];
  #deaths = 0;
  #stopping = false;
  #settleReady: (() => void) | undefined;
  #settleGivenUp: ((error: CountersignError) => void) | undefined;
  /** Resolves once it listens for the first time. */
  readonly ready: Promise<void>;
  /** Resolves with the reason if the process is given up; never otherwise. */
  readonly givenUp: Promise<CountersignError>;

  constructor(spec: ProcessSpec, options: SupervisorOptions) {
    this.#spec = spec;
    this.#options = options;
    this.ready = new Promise((resolve) => (this.#settleReady = resolve));
    this.givenUp = new Promise((resolve) => (this.#settleGivenUp = resolve));
    this.#start();
  }

  /** Asks the process to stop, ends it if it does not within 15 seconds, and resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#pendingStart);
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    child.kill('SIGTERM');
    await gone;
    clearTimeout(impatience);
  }

  #start(): void {
    const { name, script, args } = this.#spec;
    const startedAt = this.#options.uptime();
    const child = spawn(process.execPath, ['--import', FOLLOW_LAUNCHER, script, ...args], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    this.#tail = [];
    const tooSlow = setTimeout(() => {
      this.#note(`not ready within ${READY_MS / 1000} seconds`);
      child.kill('SIGKILL');
    }, READY_MS);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.#note(line);
        if (!line.startsWith(`${name} listening on `)) return;
        clearTimeout(tooSlow);
        this.#settleReady?.();
      });
    }
    child.once('error', (error) => this.#note(error.message));
    child.once('close', (code, signal) => {
      clearTimeout(tooSlow);
      this.#child = undefined;
      if (!this.#stopping) this.#died(signal ?? `exit code ${code ?? 'unknown'}`, this.#options.uptime() - startedAt);
    });
  }

  #note(line: string): void {
    this.#spec.log(line);
    this.#tail = [...this.#tail.slice(1 - TAIL), line];
  }

  #died(how: string, lived: number): void {
    const { name } = this.#spec;
    this.#deaths = lived >= STEADY_MS ? 1 : this.#deaths + 1;
    if (this.#deaths >= MOST_DEATHS) {
      const lines = this.#tail.map((line) => `  ${line}`).join('\n');
      const message = `${name} died ${this.#deaths} times in a row (${how}); its last lines were:\n${lines}`;
      this.#settleGivenUp?.(new CountersignError('unavailable', message));
      return;
    }
    const delay = (this.#options.firstDelay ?? FIRST_DELAY_MS) * 2 ** (this.#deaths - 1);
    this.#options.say(`${name} died (${how}); starting it again.`);
    this.#pendingStart = setTimeout(() => this.#start(), delay);
  }
}
