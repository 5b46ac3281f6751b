import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Updater as StockUpdater } from 'tuf-js';
import { collectionUrls, Updater, type Fetch } from '@countersign/client';
import { nodeCrypto } from '@countersign/client/node';
import { parseGun } from '@countersign/client/tuf';
import type { Publisher } from './publisher.js';

/** A client of ours that trusts the publisher's first root and nothing else. */
export function updaterOf(publisher: Publisher, through: Fetch = fetch): Updater {
  const gun = parseGun(publisher.gun);
  return new Updater({
    urls: collectionUrls(publisher.where.url, gun),
    fetch: through,
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
  for await (const target of updater.list()) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of updater.open(target)) chunks.push(chunk);
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

/** What a client says of a target; hashes in hexadecimal, by algorithm. */
export interface Described {
  readonly length: number;
  readonly hashes: Readonly<Record<string, string>>;
}

/** What a client of ours says of each path, and what a stock client does; both start from the first root. */
export async function describeAll(
  publisher: Publisher,
  paths: Iterable<string>,
): Promise<Readonly<Record<'ours' | 'stock', Readonly<Record<string, Described | undefined>>>>> {
  const ours: [string, Described | undefined][] = [];
  const stock: [string, Described | undefined][] = [];
  const updater = updaterOf(publisher);
  const client = await StockClient.refreshed(publisher);
  try {
    for (const path of paths) {
      const file = (await updater.find(path))?.file;
      const hashes = Array.from(file?.hashes ?? [], ([name, hash]) => [name, Buffer.from(hash).toString('hex')]);
      const found = file && { length: file.length, hashes: Object.fromEntries(hashes) as Record<string, string> };
      ours.push([path, found]);
      stock.push([path, await client.describe(path)]);
    }
  } finally {
    await client.close();
  }
  return { ours: Object.fromEntries(ours), stock: Object.fromEntries(stock) };
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
    return (await this.describe(path))?.hashes['sha256'];
  }

  /** What it finds for a path. */
  async describe(path: string): Promise<Described | undefined> {
    const info = await this.#updater.getTargetInfo(path);
    return info === undefined ? undefined : { length: info.length, hashes: info.hashes };
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
