import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Updater as StockUpdater } from 'tuf-js';
import { collectionUrls, Updater } from '@countersign/client';
import { nodeCrypto } from '@countersign/client/node';
import { parseGun } from '@countersign/client/tuf';
import type { Publisher } from './publisher.js';

/** A client of ours that trusts the publisher's first root and nothing else. */
export function updaterOf(publisher: Publisher): Updater {
  const gun = parseGun(publisher.gun);
  return new Updater({
    urls: collectionUrls(publisher.where.url, gun),
    fetch,
    crypto: nodeCrypto,
    now: publisher.where.clock.now,
    firstTrust: { kind: 'file', raw: publisher.firstRoot },
    gun,
  });
}

/** Everything a client sees of a collection, verified. */
export interface Seen {
  /** By role. */
  readonly versions: Readonly<Record<string, number>>;
  /** By target path. */
  readonly contents: Readonly<Record<string, string>>;
}

/** Refreshes from the first root, verifies every role the snapshot lists below targets, and fetches every target there is. */
export async function readAll(publisher: Publisher): Promise<Seen> {
  const updater = updaterOf(publisher);
  const { final, snapshot, targets } = await updater.refresh();
  const contents: [string, string][] = [];
  for await (const target of updater.listTargets()) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of updater.openTarget(target)) chunks.push(chunk);
    contents.push([target.path, Buffer.concat(chunks).toString()]);
  }
  const roles = [...snapshot.signed.meta].map(
    ([role, meta]) => [role, meta.by === 'version' ? meta.version : 0] as const,
  );
  const versions = {
    ...Object.fromEntries(roles),
    root: final.root.signed.version,
    timestamp: snapshot.timestamp.signed.version,
    snapshot: snapshot.signed.version,
    targets: targets.signed.version,
  };
  return { versions, contents: Object.fromEntries(contents) };
}

/** A stock client (tuf-js), in a directory of its own. */
export class StockClient {
  readonly #directory: string;
  readonly #updater: StockUpdater;

  private constructor(directory: string, updater: StockUpdater) {
    this.#directory = directory;
    this.#updater = updater;
  }

  /** Trusts the publisher's first root, and refreshes. */
  static async refreshed(publisher: Publisher): Promise<StockClient> {
    const directory = await mkdtemp(join(tmpdir(), 'countersign-stock-'));
    await writeFile(join(directory, 'root.json'), publisher.firstRoot);
    const urls = collectionUrls(publisher.where.url, parseGun(publisher.gun));
    const updater = new StockUpdater({
      metadataDir: directory,
      metadataBaseUrl: urls.metadata,
      targetDir: directory,
      targetBaseUrl: urls.targets,
      config: { fetchRetries: 0 },
    });
    const client = new StockClient(directory, updater);
    await updater.refresh();
    return client;
  }

  /** The SHA-256 it finds for a path, in hexadecimal. */
  async find(path: string): Promise<string | undefined> {
    return (await this.#updater.getTargetInfo(path))?.hashes['sha256'];
  }

  async download(path: string): Promise<string> {
    const info = await this.#updater.getTargetInfo(path);
    if (info === undefined) throw new Error(`tuf-js finds no ${path}`);
    return readFile(await this.#updater.downloadTarget(info, join(this.#directory, 'download')), 'utf8');
  }

  async close(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}
