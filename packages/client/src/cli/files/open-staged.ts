import { createReadStream } from 'node:fs';
import { errorCode } from '../../node/atomic-file.js';
import { CountersignError } from '../../tuf/errors.js';

/** The bytes of a file that was staged, perhaps long ago. @throws CountersignError `not-found` where it cannot be read now */
export async function* openStaged(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Uint8Array;
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause;
    const why = errorCode(cause) === 'ENOENT' ? 'is not there any more' : 'cannot be read';
    throw new CountersignError('not-found', `${path}, which is staged, ${why}`, {
      cause,
      next: 'Put it back; or drop it with `countersign reset NAME TARGET`.',
    });
  }
}
