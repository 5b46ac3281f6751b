import { CountersignError, formatNamed } from '@countersign/client/tuf';
import { signingKey } from '../algorithms.js';
import { readFollowed, type Followed } from '../reading.js';
import type { OnlineRole } from '../wire.js';
import type { NotaryDatabase } from './database.js';
import type { OpenedKey } from './open-key.js';

/** Bytes; a longer snapshot or timestamp is no client's. */
const LONGEST_FILE = 64 * 1024 * 1024;

/** A key of Notary's signer and what it signed for. */
export interface Owner {
  readonly gun: string;
  readonly role: OnlineRole;
  /** The id Notary knows the key by. */
  readonly notaryId: string;
}

/** A stored file that says nothing about what a key has signed, though it should. */
export interface BadFile {
  readonly file: number;
  readonly version: number;
  readonly why: string;
}

/**
 * The highest version among the stored files of the key's role that carry its valid signature; 0 where there is none. Files
 * of other keys are passed over; what cannot be read, or names this key without its signature, is told to `listed`.
 * @throws CountersignError `unavailable`
 */
export async function highestSigned(
  files: NotaryDatabase,
  owner: Owner,
  key: OpenedKey,
  listed: (bad: BadFile) => void,
): Promise<number> {
  const signing = signingKey(key.algorithm, key.pkcs8, key.id);
  for await (const { id: file, version, length } of files.files(owner.gun, owner.role)) {
    const bytes = length > LONGEST_FILE ? undefined : await files.bytes(file);
    try {
      if (bytes === undefined) throw new CountersignError('endless-data', `it is longer than ${LONGEST_FILE} bytes`);
      const read = readFollowed(owner.role, formatNamed('notary-1'), bytes);
      const signature = read.signatures.find(({ keyId }) => keyId === owner.notaryId);
      if (signature === undefined) continue;
      if (!signing.verify(signature.value, read.signedBytes))
        throw new CountersignError('threshold', `its signature by ${owner.notaryId} is not valid`);
      checkVersion(read, version);
      return version;
    } catch (error) {
      if (!(error instanceof CountersignError) || error.code === 'unavailable') throw error;
      listed({ file, version, why: error.message });
    }
  }
  return 0;
}

function checkVersion({ signed }: Followed, version: number): void {
  if (signed.version === version) return;
  throw new CountersignError('mix-and-match', `what it holds is version ${signed.version}`);
}
