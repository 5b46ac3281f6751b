import { atOnce } from '../http/at-once.js';
import type { AddTarget, Change } from './changes.js';
import type { CollectionServer } from './collection-server.js';
import { verified } from '../reading/target-stream.js';
import type { Crypto } from '../tuf/crypto.js';
import { hexEncode } from '../tuf/encoding.js';
import { CountersignError, hasCode } from '../tuf/errors.js';

/** How many files are under way at once. */
const CONCURRENCY = 6;

export interface UploadProgress {
  /** Bytes sent or found to be on the server, of all files. */
  readonly bytes: number;
  readonly totalBytes: number;
  readonly files: number;
  readonly totalFiles: number;
}

export interface UploadOptions {
  readonly server: CollectionServer;
  readonly crypto: Pick<Crypto, 'hash'>;
  /** The bytes of a change's `source`. @throws CountersignError `not-found` */
  readonly open: (source: string) => AsyncIterable<Uint8Array>;
  readonly onProgress?: (progress: UploadProgress) => void;
}

/**
 * Brings the files that `changes` add to the server, each content once, those it has already not at all.
 * @throws CountersignError `contradiction` where a file is no longer the one that was added; what the server refuses
 */
export async function uploadTargets(changes: readonly Change[], options: UploadOptions): Promise<void> {
  const adds = distinct(changes);
  const progress = new Progress(adds, options.onProgress);
  await atOnce(CONCURRENCY, adds, async (add, stopped) => {
    await uploadOne(add, options, progress, stopped);
    progress.finished(add);
  });
}

type Sourced = AddTarget & { readonly source: string };

function distinct(changes: readonly Change[]): readonly Sourced[] {
  const byHash = new Map<string, Sourced>();
  for (const change of changes) {
    if (change.kind !== 'add' || change.source === undefined) continue;
    const { source } = change;
    const hash = change.file.hashes.get('sha256');
    if (hash !== undefined) byHash.set(hexEncode(hash), { ...change, source });
  }
  return [...byHash.values()];
}

async function uploadOne(
  add: Sourced,
  options: UploadOptions,
  progress: Progress,
  stopped: AbortSignal,
): Promise<void> {
  const { server, crypto, open } = options;
  if (await server.hasTarget(add)) return;
  const counted = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of verified(open(add.source), add, crypto)) {
      stopped.throwIfAborted();
      progress.sent(add, chunk.length);
      yield chunk;
    }
  };
  try {
    await server.uploadTarget(add, counted());
  } catch (error) {
    throw hasCode(error, 'arbitrary-software') ? changedSince(add, error) : error;
  }
}

function changedSince(add: Sourced, cause: unknown): CountersignError {
  return new CountersignError('contradiction', `${add.source} has changed since it was added as ${add.path}`, {
    detail: { target: add.path },
    next: 'Add it again, then publish.',
    cause,
  });
}

class Progress {
  readonly #report: UploadOptions['onProgress'];
  readonly #totals: Pick<UploadProgress, 'totalBytes' | 'totalFiles'>;
  readonly #sent = new Map<AddTarget, number>();
  #bytes = 0;
  #files = 0;

  constructor(adds: readonly AddTarget[], report: UploadOptions['onProgress']) {
    this.#report = report;
    this.#totals = { totalFiles: adds.length, totalBytes: adds.reduce((sum, { file }) => sum + file.length, 0) };
  }

  sent(add: AddTarget, bytes: number): void {
    this.#sent.set(add, (this.#sent.get(add) ?? 0) + bytes);
    this.#bytes += bytes;
    this.#tell();
  }

  finished(add: AddTarget): void {
    this.#bytes += add.file.length - (this.#sent.get(add) ?? 0);
    this.#files += 1;
    this.#tell();
  }

  #tell(): void {
    this.#report?.({ bytes: this.#bytes, files: this.#files, ...this.#totals });
  }
}
