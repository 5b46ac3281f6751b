import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { refusedInCi } from '../../support/programs.js';

/** The newest long-term release, beside the oldest that is supported, with which everything else is run. */
export const NEWER = 24;

const LONGEST_INSTALL_MS = 300_000;
const LONGEST_RUN_MS = 540_000;
const MOST_OUTPUT = 64 * 1024 * 1024;

/** A newer Node in a directory of its own, from npm; it has no native modules of this workspace. */
export class NewerNode {
  readonly #directory: string;
  readonly #program: string;

  private constructor(directory: string, program: string) {
    this.#directory = directory;
    this.#program = program;
  }

  /** @returns why there is none, where npm cannot get it; in CI that is an error */
  static async install(): Promise<NewerNode | string> {
    const directory = await mkdtemp(join(tmpdir(), 'countersign-node-'));
    const name = `node-${process.platform}-${process.arch}`;
    const args = ['install', '--prefix', directory, '--no-save', '--no-audit', '--no-fund', '--ignore-scripts'];
    try {
      await promisify(execFile)('npm', [...args, `${name}@${NEWER}`], { timeout: LONGEST_INSTALL_MS });
      return new NewerNode(directory, join(directory, 'node_modules', name, 'bin', 'node'));
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      const [missing = ''] = refusedInCi([`${name}@${NEWER}: ${error instanceof Error ? error.message : 'no npm'}`]);
      return missing;
    }
  }

  /** What a program prints. @throws Error with what it printed, where it fails */
  async run(...args: readonly string[]): Promise<string> {
    const options = {
      // Nothing of the tests' own environment: `CI` would write their reports, `VITEST` change how vitest works.
      env: { PATH: process.env['PATH'], HOME: this.#directory },
      timeout: LONGEST_RUN_MS,
      maxBuffer: MOST_OUTPUT,
    };
    const { stdout } = await promisify(execFile)(this.#program, args, options);
    return stdout;
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}
