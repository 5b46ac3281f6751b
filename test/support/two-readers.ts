import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Updater as StockUpdater } from 'tuf-js';
import { Updater, type Fetch } from '@countersign/client';
import { nodeCrypto } from '@countersign/client/node';
import { OpenCache } from '../simulator/client.js';
import { quote } from '../simulator/documents.js';
import { METADATA, type RepositorySimulator } from '../simulator/repository.js';
import { serve, type Served } from './served-simulator.js';
import type { Described } from './readers.js';

/** What a client says of each path; `refused` also where it does not come to the look-up. */
export type Verdict = Readonly<Record<string, Described | 'refused' | 'nothing'>>;

type Find = (path: string) => Promise<Described | undefined>;

/** Our client and a stock one, each with what it has saved itself, in front of one simulated repository. By the real clock. */
export class TwoReaders {
  readonly #served: Served;
  readonly #sim: RepositorySimulator;
  readonly #directory: string;
  readonly #cache = new OpenCache();

  private constructor(sim: RepositorySimulator, served: Served, directory: string) {
    this.#sim = sim;
    this.#served = served;
    this.#directory = directory;
  }

  static async of(sim: RepositorySimulator): Promise<TwoReaders> {
    const directory = await mkdtemp(join(tmpdir(), 'countersign-two-'));
    await writeFile(join(directory, 'root.json'), sim.firstRoot);
    // Whichever way a client quotes the name of a role: tuf-js leaves an apostrophe as it is.
    const fetch: Fetch = (url) => {
      const name = url.startsWith(METADATA) ? url.slice(METADATA.length) : undefined;
      return sim.fetch(name === undefined ? url : METADATA + quote(decodeURIComponent(name)));
    };
    return new TwoReaders(sim, await serve({ fetch }), directory);
  }

  /** One run of each, on what the runs before have left. */
  async read(paths: readonly string[]): Promise<{ readonly ours: Verdict; readonly stock: Verdict }> {
    return { ours: await verdict(() => this.#ours(), paths), stock: await verdict(() => this.#stock(), paths) };
  }

  async #ours(): Promise<Find> {
    const updater = new Updater({
      urls: { metadata: this.#url('tuf'), targets: this.#url('targets') },
      crypto: nodeCrypto,
      cache: this.#cache,
      firstTrust: { kind: 'file', raw: this.#sim.firstRoot },
    });
    await updater.refresh();
    return async (path) => {
      const file = (await updater.find(path))?.file;
      const hashes = Array.from(file?.hashes ?? [], ([name, hash]) => [name, Buffer.from(hash).toString('hex')]);
      return file && { length: file.length, hashes: Object.fromEntries(hashes) as Record<string, string> };
    };
  }

  async #stock(): Promise<Find> {
    const updater = new StockUpdater({
      metadataDir: this.#directory,
      metadataBaseUrl: this.#url('tuf'),
      targetDir: this.#directory,
      targetBaseUrl: this.#url('targets'),
      config: { fetchRetries: 0 },
    });
    await updater.refresh();
    return async (path) => {
      const info = await updater.getTargetInfo(path);
      return info && { length: info.length, hashes: info.hashes };
    };
  }

  #url(area: string): string {
    return `${this.#served.url}v2/simulated/_trust/${area}/`;
  }

  async close(): Promise<void> {
    await this.#served.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function verdict(open: () => Promise<Find>, paths: readonly string[]): Promise<Verdict> {
  const find = await open().catch(() => undefined);
  const said: [string, Verdict[string]][] = [];
  for (const path of paths)
    said.push([
      path,
      find === undefined ? 'refused' : ((await find(path).catch(() => 'refused' as const)) ?? 'nothing'),
    ]);
  return Object.fromEntries(said);
}
