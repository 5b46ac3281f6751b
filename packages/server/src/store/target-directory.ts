import { mkdir, open, opendir, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Instant } from '@countersign/client/tuf';
import type { TargetFiles } from '../collection/ports.js';
import { isBlobName, newBlobName, noSuchBlob } from './blob-names.js';
import { errorCode, storeError } from './errors.js';
import { Measure } from './target-hash.js';

/** Names answered at once by `sweep`. */
const BATCH = 500;

/**
 * Target files in a directory: `ab/cd/abcd…`, written under `incoming/` first, so that a file under its own name is whole.
 * `clock` dates the files; `sweep` goes by it.
 */
export async function openTargetDirectory(directory: string, clock: () => Instant): Promise<TargetFiles> {
  const incoming = join(directory, 'incoming');
  const pathOf = (blob: string): string => join(directory, blob.slice(0, 2), blob.slice(2, 4), blob);
  await guarded(() => mkdir(incoming, { recursive: true }));

  return {
    async write(bytes, maxBytes) {
      const blob = newBlobName();
      const temporary = join(incoming, blob);
      const measure = new Measure(maxBytes);
      try {
        await store(temporary, measure.through(bytes), clock());
        await guarded(() => publish(temporary, pathOf(blob), directory));
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => undefined); // `sweep` finds what stays
        throw error;
      }
      return { blob, ...measure.result() };
    },

    async open(blob) {
      if (!isBlobName(blob)) throw noSuchBlob();
      try {
        const handle = await open(pathOf(blob), 'r');
        return handle.createReadStream();
      } catch (error) {
        throw errorCode(error) === 'ENOENT' ? noSuchBlob(error) : storeError(error);
      }
    },

    async remove(blob) {
      if (!isBlobName(blob)) return;
      await guarded(async () => {
        await rm(join(incoming, blob), { force: true });
        await rm(pathOf(blob), { force: true });
      });
    },

    async *sweep(before) {
      let batch: string[] = [];
      for await (const name of writtenBefore(directory, before)) {
        if (batch.push(name) < BATCH) continue;
        yield batch;
        batch = [];
      }
      if (batch.length > 0) yield batch;
    },
  };
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(error);
  }
}

// Only what the file system answers becomes an error of the storage; the stream's own is passed on as it is.
async function store(path: string, bytes: AsyncIterable<Uint8Array>, now: Instant): Promise<void> {
  const handle = await guarded(() => open(path, 'wx', 0o600));
  try {
    for await (const chunk of bytes) await guarded(() => writeAll(handle, chunk));
    await guarded(async () => {
      await handle.utimes(now / 1000, now / 1000);
      await handle.sync();
    });
  } finally {
    await handle.close();
  }
}

// On a disk that is filling up a write may be short before one fails.
async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length;) {
    written += (await handle.write(chunk, written)).bytesWritten;
  }
}

/** Gives the finished file its name; durable when done, with every directory that leads to it. */
async function publish(from: string, to: string, top: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
  for (let directory = dirname(to); ; directory = dirname(directory)) {
    await syncDirectory(directory);
    if (directory === top || directory === dirname(directory)) return;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function* writtenBefore(directory: string, before: Instant): AsyncGenerator<string> {
  for (const folder of [join(directory, 'incoming'), ...(await fanOut(directory))]) {
    try {
      for await (const entry of await opendir(folder)) {
        if (!isBlobName(entry.name)) continue;
        const { mtimeMs } = await stat(join(folder, entry.name));
        if (mtimeMs < before) yield entry.name;
      }
    } catch (error) {
      // Removed while we looked.
      if (errorCode(error) !== 'ENOENT') throw storeError(error);
    }
  }
}

async function fanOut(directory: string): Promise<readonly string[]> {
  const level = async (path: string): Promise<string[]> =>
    (await readdir(path)).filter((name) => /^[0-9a-f]{2}$/u.test(name)).map((name) => join(path, name));
  const folders: string[] = [];
  for (const first of await guarded(() => level(directory))) folders.push(...(await guarded(() => level(first))));
  return folders;
}
