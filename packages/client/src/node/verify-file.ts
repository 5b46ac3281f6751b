import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { TargetCheck, type ExpectedTarget } from '../reading/target-stream.js';
import type { Crypto } from '../tuf/crypto.js';
import { CountersignError, hasCode } from '../tuf/errors.js';
import { errorCode, fileFault } from './atomic-file.js';

/**
 * Returns if the file at `path` is the target that was signed for; stops reading at the first byte too many.
 * @throws CountersignError `arbitrary-software`, `unsupported`, `not-found`, and `usage` where it cannot be read
 */
export async function verifyFile(path: string, target: ExpectedTarget, crypto: Pick<Crypto, 'hash'>): Promise<void> {
  const check = new TargetCheck(target, crypto, path);
  try {
    for await (const chunk of createReadStream(path)) check.update(chunk as Uint8Array);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw fileFault(error, path, 'read');
    throw new CountersignError('not-found', `there is no file ${path}`, { cause: error });
  }
  check.finish();
}

/** Whether the file at `path` is there and is that target. @throws CountersignError `unsupported`, `usage` */
export async function hasTarget(path: string, target: ExpectedTarget, crypto: Pick<Crypto, 'hash'>): Promise<boolean> {
  if ((await stat(path).catch(() => undefined))?.isFile() !== true) return false;
  try {
    await verifyFile(path, target, crypto);
    return true;
  } catch (error) {
    if (hasCode(error, 'arbitrary-software', 'not-found')) return false;
    throw error;
  }
}
