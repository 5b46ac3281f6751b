import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Updater } from 'tuf-js';
import { collectionUrls } from '@countersign/client';
import { parseGun } from '@countersign/client/tuf';
import type { Publisher } from '../support/publisher.js';

/** A machine on which tuf-js runs: it was given the collection's first root, and keeps what tuf-js keeps between runs. */
export class StockMachine {
  readonly #publisher: Publisher;
  readonly #directory: string;

  private constructor(publisher: Publisher, directory: string) {
    this.#publisher = publisher;
    this.#directory = directory;
  }

  static async withFirstRoot(publisher: Publisher): Promise<StockMachine> {
    const directory = await mkdtemp(join(tmpdir(), 'countersign-stock-'));
    await writeFile(join(directory, 'root.json'), publisher.firstRoot);
    return new StockMachine(publisher, directory);
  }

  /** A run of tuf-js on what earlier runs left, refreshed. */
  async run(): Promise<StockRun> {
    const urls = collectionUrls(this.#publisher.where.url, parseGun(this.#publisher.gun));
    const updater = new Updater({
      metadataDir: this.#directory,
      metadataBaseUrl: urls.metadata,
      targetDir: this.#directory,
      targetBaseUrl: urls.targets,
      config: { fetchRetries: 0 },
    });
    await updater.refresh();
    return new StockRun(updater, join(this.#directory, 'download'));
  }

  /** The version tuf-js has kept of a role. */
  async kept(role: string): Promise<number> {
    const text = await readFile(join(this.#directory, `${role}.json`), 'utf8');
    return (JSON.parse(text) as { signed: { version: number } }).signed.version;
  }

  async keptFiles(): Promise<readonly string[]> {
    return (await readdir(this.#directory)).sort();
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true });
  }
}

export class StockRun {
  readonly #updater: Updater;
  readonly #download: string;

  constructor(updater: Updater, download: string) {
    this.#updater = updater;
    this.#download = download;
  }

  /** The hexadecimal SHA-256 of what the collection lists under a path. */
  async find(path: string): Promise<string | undefined> {
    return (await this.#updater.getTargetInfo(path))?.hashes['sha256'];
  }

  async fetch(path: string): Promise<Buffer> {
    const info = await this.#updater.getTargetInfo(path);
    if (info === undefined) throw new Error(`tuf-js finds no ${path}`);
    return readFile(await this.#updater.downloadTarget(info, this.#download));
  }
}
