import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CountersignError } from '../tuf/errors.js';

/**
 * Puts `bytes` at `path`, durably and all at once: a reader sees the old file or the new one, also after a crash.
 * @throws CountersignError `storage-full`, else the file system's error
 */
export async function writeAtomically(path: string, bytes: Uint8Array, mode = 0o644): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileFault(error, path);
  }
  await syncDirectory(dirname(path));
}

/** An unused name in the directory of `path`: renaming is atomic only within one file system. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.countersign-${randomUUID()}.part`);
}

/** Makes a rename in `directory` durable, where the platform can (Windows cannot open a directory, and need not). */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r').catch(() => undefined);
  if (handle === undefined) return;
  try {
    await handle.sync().catch(() => undefined);
  } finally {
    await handle.close();
  }
}

/** A full disk in our words; any other fault as it is. */
export function fileFault(error: unknown, path: string): unknown {
  const code = errorCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new CountersignError('storage-full', `no space left to write ${path}`, {
    cause: error,
    next: 'Make room on the disk and try again.',
  });
}

/** The code of a system error, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
