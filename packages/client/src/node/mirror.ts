import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { atOnce } from '../http/at-once.js';
import { targetAddress, type BundleContents } from '../bundle/make-bundle.js';
import { rootFiles, type NamedFiles } from '../bundle/state-files.js';
import type { FoundTarget } from '../tuf/delegations.js';
import { equalBytes } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import { parseSaneTargetPath, ROOT, TIMESTAMP } from '../tuf/names.js';
import type { Updater } from '../reading/updater.js';
import { errorCode, writeAtomically } from './atomic-file.js';
import { nodeCrypto } from './crypto.js';
import { putChunks } from './download.js';
import { hasTarget } from './verify-file.js';

export interface MirrorOptions {
  /** `all` leaves what readers of earlier states may still ask for; `current` takes away what the current one does not need. */
  readonly keep?: 'all' | 'current';
  /** Told of each file, by its path in the directory, as soon as it is there. */
  readonly onWritten?: (file: string) => void | Promise<void>;
  /** Told of the bytes of each chunk of a target. */
  readonly onBytes?: (bytes: number) => void;
}

/** How many files of a mirror were written, were there, and were removed. */
export interface Mirrored {
  readonly written: number;
  readonly kept: number;
  readonly removed: number;
}

/** Downloads under way at once. */
const CONCURRENCY = 4;

/**
 * Writes a collection as files for any web server: `metadata/…` and `targets/…`, by the names that TUF clients ask for, decoded
 * as web servers do. Whatever a reader can come upon is whole: each file appears at once, and after all that it leads to; the
 * timestamp last. What is there and right is not written again.
 * @throws CountersignError `conflict` where the directory holds another collection, `rollback` where it holds a later state,
 * `malformed` where a name is none for a file, and as `Updater.open` and `writeAtomically`
 */
export async function mirror(
  directory: string,
  updater: Updater,
  contents: BundleContents,
  options: MirrorOptions = {},
): Promise<Mirrored> {
  const { trust } = await updater.state();
  const { files, roots, targets } = contents;
  const { format } = trust.final.context;
  const names = new Names(directory);
  const before = await lookForMirror(names, rootFiles(roots));
  await checkNewer(names, files.timestamp, (raw) => format.parseTimestamp(raw).signed.version);
  const byAddress = new Map(targets.map((target) => [targetAddress(target, trust.final.root.signed), target]));
  // Before anything is written, so that a name that is none leaves nothing half done.
  for (const address of byAddress.keys()) names.of(address);
  for (const name of [...files.delegated.keys(), ...files.top.keys()]) names.of(metadata(name));

  const writer = new Writer(names, options);
  await writer.targets(updater, byAddress);
  for (const named of [files.delegated, files.top, rootFiles(roots), files.timestamp]) await writer.metadata(named);
  // What lay there before was no mirror's: it may be anybody's.
  const removed = options.keep === 'current' && before === 'mirror' ? await writer.removeOthers() : 0;
  return { ...writer.counts, removed };
}

/** The places of files by their addresses. */
class Names {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  get directory(): string {
    return this.#directory;
  }

  /** Relative to the directory. Names come from strangers: none leads out. @throws CountersignError `malformed` */
  of(address: string): string {
    try {
      return parseSaneTargetPath(decodeURIComponent(address));
    } catch (cause) {
      throw new CountersignError('malformed', `${JSON.stringify(address.slice(0, 200))} is no name for a file here`, {
        cause,
        next: 'Do not trust this collection before its publisher has explained the name.',
      });
    }
  }

  at(name: string): string {
    return join(this.#directory, ...name.split('/'));
  }

  /** The bytes at an address; undefined where there are none. */
  async read(address: string): Promise<Uint8Array | undefined> {
    try {
      return new Uint8Array(await readFile(this.at(this.of(address))));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}

class Writer {
  readonly #names: Names;
  readonly #options: MirrorOptions;
  readonly #current = new Set<string>();
  #written = 0;
  #kept = 0;

  constructor(names: Names, options: MirrorOptions) {
    this.#names = names;
    this.#options = options;
  }

  get counts(): Omit<Mirrored, 'removed'> {
    return { written: this.#written, kept: this.#kept };
  }

  async targets(updater: Updater, byAddress: ReadonlyMap<string, FoundTarget>): Promise<void> {
    await atOnce(CONCURRENCY, [...byAddress], async ([address, target], stopped) => {
      const name = this.#names.of(address);
      const place = this.#names.at(name);
      this.#current.add(name);
      if (await hasTarget(place, target, nodeCrypto)) {
        this.#kept += 1;
        return;
      }
      await putChunks(place, this.#counted(updater.open(target, { signal: stopped })));
      await this.#wrote(name);
    });
  }

  async metadata(files: NamedFiles): Promise<void> {
    for (const [file, raw] of files) {
      const name = this.#names.of(metadata(file));
      this.#current.add(name);
      const before = await this.#names.read(metadata(file));
      if (before !== undefined && equalBytes(before, raw)) {
        this.#kept += 1;
        continue;
      }
      await mkdir(dirname(this.#names.at(name)), { recursive: true });
      await writeAtomically(this.#names.at(name), raw);
      await this.#wrote(name);
    }
  }

  /** Removes all files that are not of the current state, but no root: readers follow the chain of them. */
  async removeOthers(): Promise<number> {
    let removed = 0;
    for (const top of ['metadata', 'targets']) {
      const entries = await readdir(this.#names.at(top), { recursive: true, withFileTypes: true }).catch(() => []);
      for (const entry of entries.filter((each) => !each.isDirectory())) {
        const place = join(entry.parentPath, entry.name);
        const name = relative(this.#names.directory, place).split(sep).join('/');
        if (this.#current.has(name) || /^metadata\/\d+\.root\.json$/u.test(name)) continue;
        await rm(place);
        removed += 1;
      }
    }
    return removed;
  }

  async #wrote(name: string): Promise<void> {
    this.#written += 1;
    await this.#options.onWritten?.(name);
  }

  async *#counted(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunks) {
      this.#options.onBytes?.(chunk.length);
      yield chunk;
    }
  }
}

function metadata(name: string): string {
  return `metadata/${name}`;
}

/** Whether the directory mirrors the collection already. @throws CountersignError `conflict` where it mirrors another one */
async function lookForMirror(names: Names, roots: NamedFiles): Promise<'mirror' | 'none'> {
  let found: 'mirror' | 'none' = 'none';
  for (const [name, raw] of roots) {
    const there = await names.read(metadata(name));
    if (there === undefined) continue;
    found = 'mirror';
    if (equalBytes(there, raw)) continue;
    throw new CountersignError('conflict', `${names.directory} mirrors another collection: its ${name} is another`, {
      detail: { role: ROOT },
      next: 'Choose another directory, one for each collection.',
    });
  }
  return found;
}

/** @throws CountersignError `rollback` where a later timestamp is there */
async function checkNewer(names: Names, files: NamedFiles, versionOf: (raw: Uint8Array) => number): Promise<void> {
  for (const [name, raw] of files) {
    const there = await names.read(metadata(name));
    if (there === undefined) continue;
    const [version, current] = [versionOf(raw), versionOf(there)];
    if (version >= current) continue;
    throw new CountersignError(
      'rollback',
      `timestamp version ${version} is older than version ${current}, which ${names.directory} has`,
      {
        detail: { role: TIMESTAMP, version, current },
        next: 'Do not go back: its readers have seen the later one, and would refuse this.',
      },
    );
  }
}
