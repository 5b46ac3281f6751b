import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { TargetSink } from '../reading/updater.js';
import { fileFault, syncDirectory, temporaryBeside } from './atomic-file.js';
import { nodeCrypto } from './crypto.js';
import { hasTarget } from './verify-file.js';

/**
 * Puts a target at `destination`. The file appears there only when its length and every hash were found right; until then,
 * and after any failure, what was there before stays (W8.3). One that is there and right is left, and not fetched (W8.5).
 * Missing directories are made.
 * @throws CountersignError as `Updater.open`, `storage-full`, and `usage` where the place is impossible, or what is there
 * cannot be read
 */
export function intoFile(destination: string): TargetSink<void> {
  return async (target, chunks) => {
    if (await hasTarget(destination, target, nodeCrypto)) return;
    await putChunks(destination, chunks);
  };
}

/**
 * Puts all of `chunks` at `destination`, durably and at once when they have ended; after a failure, theirs too, what was there
 * before stays. Missing directories are made.
 * @throws CountersignError `storage-full`, `usage` where the place is impossible; what `chunks` throws
 */
export async function putChunks(destination: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = temporaryBeside(destination);
  try {
    await mkdir(dirname(destination), { recursive: true });
    await writeAll(temporary, chunks);
    await rename(temporary, destination);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileFault(error, destination);
  }
  await syncDirectory(dirname(destination));
}

async function writeAll(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for await (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}
