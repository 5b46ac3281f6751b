import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { conformance } from '../../packages/client/src/cli/conformance.js';
import { RepositorySimulator, START } from '../simulator/repository.js';
import { serve, type Served } from './served-simulator.js';

export const DAY = 86_400_000;

/** The client under test of the public conformance suite, with directories of its own, and a repository served over HTTP. */
export class ConformanceClient {
  /** All that the command has written to its standard error. */
  said = '';
  readonly directory = mkdtempSync(join(tmpdir(), 'countersign-conformance-'));
  readonly metadata = join(this.directory, 'metadata');
  readonly targets = join(this.directory, 'targets');
  readonly initialRoot = join(this.directory, 'initial_root.json');
  readonly #served: Served;

  private constructor(served: Served) {
    this.#served = served;
  }

  static async of(sim: RepositorySimulator): Promise<ConformanceClient> {
    const client = new ConformanceClient(await serve(sim));
    client.trust(sim.firstRoot);
    return client;
  }

  async close(): Promise<void> {
    await this.#served.close();
    rmSync(this.directory, { recursive: true });
  }

  get metadataUrl(): string {
    return `${this.#served.url}v2/r/_trust/tuf`;
  }

  /** What `init` will be given. */
  trust(root: string | Uint8Array): void {
    writeFileSync(this.initialRoot, root);
  }

  init(): Promise<number> {
    return this.run(['init', this.initialRoot]);
  }

  /** @param at the clock, in milliseconds since 1970 */
  refresh(at = START): Promise<number> {
    return this.run(['--metadata-url', this.metadataUrl, 'refresh'], at);
  }

  /** @param at the clock, in milliseconds since 1970 */
  download(names: string | readonly string[], at = START): Promise<number> {
    const urls = ['--metadata-url', this.metadataUrl, '--target-base-url', `${this.#served.url}v2/r/_trust/targets`];
    const targets = [names].flat().flatMap((name) => ['--target-name', name]);
    return this.run([...urls, ...targets, '--target-dir', this.targets, 'download'], at);
  }

  /** The command in this process: its exit code. */
  async run(args: readonly string[], at = START): Promise<number> {
    vi.useFakeTimers({ toFake: ['Date'], now: at });
    try {
      return await conformance(['--metadata-dir', this.metadata, ...args], { write: (text) => (this.said += text) });
    } finally {
      vi.useRealTimers();
    }
  }

  /** The versions it trusts, by the names of their files without `.json`. */
  versions(): Record<string, number> {
    const files = readdirSync(this.metadata).filter((name) => name.endsWith('.json'));
    return Object.fromEntries(
      files.map((name) => {
        const { signed } = JSON.parse(readFileSync(join(this.metadata, name), 'utf8')) as SignedVersion;
        return [name.slice(0, -'.json'.length), signed.version];
      }),
    );
  }

  /** What it trusts of a role, byte by byte; undefined where there is nothing. */
  trusted(role: string): Uint8Array | undefined {
    const path = join(this.metadata, `${role}.json`);
    return existsSync(path) ? new Uint8Array(readFileSync(path)) : undefined;
  }

  /** The files in the directory of targets, by name. */
  downloaded(): Record<string, string> {
    const names = existsSync(this.targets) ? readdirSync(this.targets) : [];
    return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(this.targets, name), 'utf8')]));
  }
}

export interface Conformance {
  readonly sim: RepositorySimulator;
  readonly client: ConformanceClient;
}

/** A repository for this test, a new one unless given, and a client that has not been told its root; closed when the test ends. */
export async function newClient(sim = new RepositorySimulator()): Promise<Conformance> {
  const client = await ConformanceClient.of(sim);
  onTestFinished(() => client.close());
  return { sim, client };
}

/** As `newClient`, with the root that the repository begins with. */
export async function initialisedClient(sim?: RepositorySimulator): Promise<Conformance> {
  const world = await newClient(sim);
  await world.client.init();
  return world;
}

interface SignedVersion {
  readonly signed: { readonly version: number };
}
