import { existsSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { CountersignError } from '@countersign/client/tuf';
import { writeAtomically, type DataDirectory } from './data-directory.js';

/**
 * Makes sure that the signer's passphrase is in its file, made of 256 random bits where there is none.
 * @returns whether it was made now
 * @throws CountersignError `unsealed` if the file is gone while the database that it opens is there: a new passphrase would
 * only hide that the old one is lost
 */
export function ensurePassphrase(data: DataDirectory): 'made' | 'found' {
  if (existsSync(data.passphrase)) return 'found';
  if (existsSync(data.signerDatabase)) {
    throw new CountersignError(
      'unsealed',
      `the passphrase file ${data.passphrase} is gone, and ${data.signerDatabase} cannot be opened without it`,
      {
        next: 'Put the passphrase back from your backup. Only if there is none: remove the signer and server directories and begin anew.',
      },
    );
  }
  writeAtomically(data.passphrase, `${randomBytes(32).toString('base64url')}\n`, 'owner');
  return 'made';
}
