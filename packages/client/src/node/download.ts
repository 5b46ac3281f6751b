import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FoundTarget } from '../tuf/delegations.js';
import type { Updater } from '../updater.js';
import { fileFault, syncDirectory, temporaryBeside } from './atomic-file.js';

export interface DownloadOptions {
  /** Called after each chunk with the bytes written so far; the whole is `target.file.length`. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Fetches a target to `destination`. The file appears there only when its length and every hash were found right; until then,
 * and after any failure, what was there before stays (W8.3). Missing directories are made.
 * @throws CountersignError as `Updater.openTarget`, `storage-full`, and `usage` where the place is impossible
 */
export async function downloadTarget(
  updater: Pick<Updater, 'openTarget'>,
  target: FoundTarget,
  destination: string,
  options: DownloadOptions = {},
): Promise<void> {
  const temporary = temporaryBeside(destination);
  try {
    await mkdir(dirname(destination), { recursive: true });
    await writeAll(temporary, updater.openTarget(target), options);
    await rename(temporary, destination);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileFault(error, destination);
  }
  await syncDirectory(dirname(destination));
}

async function writeAll(path: string, chunks: AsyncIterable<Uint8Array>, options: DownloadOptions): Promise<void> {
  const file = await open(path, 'wx');
  try {
    let written = 0;
    for await (const chunk of chunks) {
      await file.writeFile(chunk);
      written += chunk.length;
      options.onProgress?.(written);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
