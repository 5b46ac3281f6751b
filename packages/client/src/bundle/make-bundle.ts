import type { BundledFile } from './bundle.js';
import { rootFiles, type StateFiles } from './state-files.js';
import { storedName } from '../reading/stored-name.js';
import type { FoundTarget } from '../tuf/delegations.js';
import { compareCodePoints } from '../tuf/encoding.js';
import type { Root } from '../tuf/model.js';
import type { Updater } from '../reading/updater.js';
import { urlUnder } from '../http/urls.js';

/** What goes into a bundle. */
export interface BundleContents {
  /** Without gaps, up to the current one; from the first there is, so that whoever trusts any of them can follow. */
  readonly roots: ReadonlyMap<number, Uint8Array>;
  readonly files: StateFiles;
  readonly targets: readonly FoundTarget[];
}

/** Where a target is within a bundle, as within a repository. @throws CountersignError `invalid-name` */
export function targetAddress(target: FoundTarget, root: Root): string {
  return urlUnder('targets/', storedName(target, root.consistentSnapshot ? 'hash-prefixed' : 'plain'));
}

/** The files of a bundle in their order. Targets are fetched when their turn comes, each a genuine one or an error. */
export async function* bundledFiles(
  updater: Updater,
  { roots, files, targets }: BundleContents,
  onBytes?: (bytes: number) => void,
): AsyncGenerator<BundledFile, void, undefined> {
  for (const named of [rootFiles(roots), files.timestamp, files.top, files.delegated]) {
    for (const [name, raw] of named) yield { address: `metadata/${name}`, length: raw.length, chunks: [raw] };
  }
  const { final } = (await updater.state()).trust;
  const byAddress = new Map(targets.map((target) => [targetAddress(target, final.root.signed), target]));
  for (const [address, target] of [...byAddress].sort(([one], [other]) => compareCodePoints(one, other)))
    yield { address, length: target.file.length, chunks: counted(updater.open(target), onBytes) };
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  onBytes: ((bytes: number) => void) | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    onBytes?.(chunk.length);
    yield chunk;
  }
}
