import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LAUNCHER = fileURLToPath(new URL('../../packages/server/bin/countersign-local.js', import.meta.url));

export type Environment = Readonly<Record<string, string>>;

/** What a launcher that has ended printed, and how it ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A launcher that was started. */
export class Launched {
  readonly process: ChildProcess;
  readonly ending: Promise<Ending>;
  #stdout = '';
  #stderr = '';

  constructor(environment: Environment) {
    this.process = spawn(process.execPath, [LAUNCHER], {
      env: { ...process.env, COUNTERSIGN_HTTPS: '127.0.0.1:0', COUNTERSIGN_HTTP: '127.0.0.1:0', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.ending = once(this.process, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
  }

  /** Resolves with everything printed so far once `text` has been printed. */
  async says(text: string): Promise<string> {
    await until(() => {
      if (this.process.exitCode !== null)
        throw new Error(`ended before saying ${text}: ${this.#stdout}${this.#stderr}`);
      return this.#stdout.includes(text);
    });
    return this.#stdout;
  }

  /** Resolves with the server's HTTPS address once everything runs. */
  async ready(): Promise<string> {
    const match = /server {2}(https:\/\/\S+)/u.exec(await this.says('Stop with Ctrl-C.'));
    return match![1]!;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ending> {
    this.process.kill(signal);
    return this.ending;
  }
}

/** A data directory of its own, and the launchers started on it; `remove` ends those still running. */
export class Installation {
  readonly data = join(mkdtempSync(join(tmpdir(), 'countersign-')), 'data');
  readonly #launched: Launched[] = [];

  launch(environment: Environment = {}): Launched {
    const launched = new Launched({ COUNTERSIGN_DATA: this.data, ...environment });
    this.#launched.push(launched);
    return launched;
  }

  path(name: string): string {
    return join(this.data, name);
  }

  /** The processes that name this data directory on their command line, from /proc; the launcher is not one of them. */
  processes(): readonly { readonly pid: number; readonly command: string }[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/u.test(name))
      .map((name) => ({ pid: Number(name), command: commandLine(name) }))
      .filter(({ command }) => command.includes(this.data));
  }

  async remove(): Promise<void> {
    for (const launched of this.#launched) {
      if (launched.process.exitCode === null) await launched.stop('SIGKILL');
    }
    await until(() => this.processes().length === 0);
    rmSync(join(this.data, '..'), { recursive: true });
  }
}

/** Polls until `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 30_000; !condition();) {
    if (Date.now() > end) throw new Error('waited 30 seconds in vain');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function commandLine(pid: string): string {
  const path = `/proc/${pid}/cmdline`;
  try {
    return existsSync(path) ? readFileSync(path, 'utf8').replaceAll('\0', ' ') : '';
  } catch {
    return ''; // it ended meanwhile
  }
}
