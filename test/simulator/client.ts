import { MemoryCache, type Saved } from '../../packages/client/src/cache/cache.js';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import type { RoleName } from '../../packages/client/src/tuf/names.js';
import { Updater, type UpdaterOptions } from '../../packages/client/src/reading/updater.js';
import { METADATA, START, TARGETS_URL, type RepositorySimulator } from './repository.js';

/** A cache that can be looked into and tampered with. */
export class OpenCache extends MemoryCache {
  /** Roles in the order they were saved. */
  readonly saves: string[] = [];

  override save(role: RoleName, raw: Uint8Array, over: Uint8Array | undefined): Promise<Saved> {
    this.saves.push(role);
    return super.save(role, raw, over);
  }

  /** The version of the saved file, or undefined. */
  async version(role: string): Promise<number | undefined> {
    const raw = await this.load(role as RoleName);
    if (raw === undefined) return undefined;
    return (JSON.parse(Buffer.from(raw).toString()) as { signed: { version: number } }).signed.version;
  }

  async text(role: string): Promise<string | undefined> {
    const raw = await this.load(role as RoleName);
    return raw === undefined ? undefined : Buffer.from(raw).toString();
  }

  async put(role: string, bytes: string | Uint8Array): Promise<void> {
    await super.save(role as RoleName, Buffer.from(bytes), await this.load(role as RoleName));
  }
}

/** A client of the simulator that has the first root. */
export function clientOf(sim: RepositorySimulator, options: Partial<UpdaterOptions> = {}): Updater {
  return new Updater({
    urls: { metadata: METADATA, targets: TARGETS_URL },
    fetch: sim.fetch,
    crypto: nodeCrypto,
    now: () => START,
    firstTrust: { kind: 'file', raw: sim.firstRoot },
    ...options,
  });
}

export async function read(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

/** Finds a target and reads it. */
export async function get(updater: Updater, path: string): Promise<string | undefined> {
  const target = await updater.find(path);
  return target === undefined ? undefined : read(updater.open(target));
}
