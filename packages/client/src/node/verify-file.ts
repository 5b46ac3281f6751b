import { createReadStream } from 'node:fs';
import { TargetCheck, type ExpectedTarget } from '../target-stream.js';
import type { Crypto } from '../tuf/crypto.js';
import { CountersignError } from '../tuf/errors.js';
import { errorCode } from './atomic-file.js';

/**
 * Returns if the file at `path` is the target that was signed for; stops reading at the first byte too many.
 * @throws CountersignError `arbitrary-software`, `unsupported`, `not-found`
 */
export async function verifyFile(path: string, target: ExpectedTarget, crypto: Pick<Crypto, 'hash'>): Promise<void> {
  const check = new TargetCheck(target, crypto, path);
  try {
    for await (const chunk of createReadStream(path)) check.update(chunk as Uint8Array);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    throw new CountersignError('not-found', `there is no file ${path}`, { cause: error });
  }
  check.finish();
}
