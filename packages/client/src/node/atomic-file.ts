import { randomUUID } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CountersignError } from '../tuf/errors.js';
import { identityOf, type FileIdentity } from './file-identity.js';

/**
 * Puts `bytes` at `path`, durably and all at once: a reader sees the old file or the new one, also after a crash.
 * @throws CountersignError `storage-full`, `usage` where the place is impossible, else the file system's error
 */
export async function writeAtomically(path: string, bytes: Uint8Array, mode = 0o644): Promise<void> {
  await replace(path, bytes, mode, async (file) => {
    await file.sync();
    return true;
  });
  await syncDirectory(dirname(path));
}

/**
 * Puts `bytes` at `path` all at once, if it still may once they are written; after a power failure the old file may be there
 * again, but none that is cut short. Resolves to the new file, or undefined where the old one was left.
 * @throws CountersignError as `writeAtomically`
 */
export function replaceWhole(
  path: string,
  bytes: Uint8Array,
  stillMay: () => Promise<boolean>,
): Promise<FileIdentity | undefined> {
  return replace(path, bytes, 0o644, async (file) => {
    const [identity] = await Promise.all([identityOf(file), file.sync()]);
    return (await stillMay()) ? identity : undefined;
  });
}

/**
 * Puts `bytes` at `path` all at once, for what may be lost: after a power failure the file may be the old one, or empty.
 * @throws CountersignError as `writeAtomically`
 */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await replace(path, bytes, 0o644, () => Promise.resolve(true));
}

/** `finish`: what is done with the new file before it takes the other's place; undefined: it is not to take it. */
async function replace<T extends object | true>(
  path: string,
  bytes: Uint8Array,
  mode: number,
  finish: (file: FileHandle) => Promise<T | undefined>,
): Promise<T | undefined> {
  const temporary = temporaryBeside(path);
  try {
    const file = await open(temporary, 'wx', mode);
    let finished: T | undefined;
    try {
      for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
      finished = await finish(file);
    } finally {
      await file.close();
    }
    if (finished === undefined) await rm(temporary, { force: true });
    else await rename(temporary, path);
    return finished;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileFault(error, path);
  }
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

const FAULTS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'its directory does not exist'],
  ['ENOTDIR', 'a part of its path is a file, not a directory'],
  ['EEXIST', 'a part of its path is a file, not a directory'],
  ['EISDIR', 'it is a directory'],
  ['EACCES', 'that is not permitted'],
  ['EPERM', 'that is not permitted'],
  ['EROFS', 'the file system cannot be written to'],
  ['ENAMETOOLONG', 'its name is too long'],
  ['ELOOP', 'its path goes round in links'],
]);

/** Those that another place is no help against. */
const PASSING: ReadonlyMap<string, string> = new Map([
  ['EIO', 'the disk reports an error'],
  ['EBUSY', 'it is in use'],
  ['EMFILE', 'this process has too many files open'],
  ['ENFILE', 'this machine has too many files open'],
]);

/** Why a file could not be put at `path`, or read there, in our words; any other fault as it is. */
export function fileFault(error: unknown, path: string, what: 'written' | 'read' = 'written'): unknown {
  const code = errorCode(error) ?? '';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new CountersignError('storage-full', `no space left to write ${path}`, {
      cause: error,
      next: 'Make room on the disk and try again.',
    });
  }
  const passing = PASSING.get(code);
  const why = passing ?? FAULTS.get(code);
  if (why === undefined) return error;
  const elsewhere = what === 'written' ? 'Choose another place for it.' : 'Check the file and who may read it.';
  return new CountersignError('usage', `${path} cannot be ${what}: ${why}`, {
    cause: error,
    next: passing === undefined ? elsewhere : 'Mend that, and try again.',
  });
}

const READ_ONLY: ReadonlySet<string> = new Set(['EROFS', 'EACCES', 'EPERM']);

/** Whether writing failed because nobody, or not this user, may write there. */
export function isReadOnly(error: unknown): boolean {
  return READ_ONLY.has(faultCode(error));
}

/** Whether a file or its directory is not there. */
export function isMissing(error: unknown): boolean {
  return faultCode(error) === 'ENOENT';
}

function faultCode(error: unknown): string {
  return errorCode(error instanceof CountersignError ? error.cause : error) ?? '';
}

/** The code of a system error, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
