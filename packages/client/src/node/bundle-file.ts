import { open, type FileHandle } from 'node:fs/promises';
import { Bundle } from '../bundle/bundle.js';
import { CountersignError } from '../tuf/errors.js';
import { errorCode } from './atomic-file.js';

/** A bundle in a file that stays open until `close`. */
export interface BundleFile {
  readonly bundle: Bundle;
  close(): Promise<void>;
}

/** @throws CountersignError `not-found`, `usage` where it cannot be read, and as `Bundle.open` */
export async function openBundleFile(path: string): Promise<BundleFile> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    if (errorCode(cause) === 'ENOENT') throw new CountersignError('not-found', `there is no file ${path}`, { cause });
    throw new CountersignError('usage', `${path} cannot be read`, { cause, next: 'Check --bundle.' });
  });
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new CountersignError('usage', `${path} is no file`, { next: 'Check --bundle.' });
    const read = (offset: number, length: number): Promise<Uint8Array> => readAt(file, offset, length);
    return { bundle: await Bundle.open({ size: found.size, read }), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length);
  const { bytesRead } = await file.read(buffer, 0, length, offset);
  return buffer.subarray(0, bytesRead);
}
