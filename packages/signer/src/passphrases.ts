import { readFile, stat } from 'node:fs/promises';
import { CountersignError } from '@countersign/client/tuf';
import type { Config } from './config.js';
import type { KekSecret } from './keks.js';

/** Bytes; a passphrase file that is longer is the wrong file. */
const LONGEST = 4096;

type KekConfig = Config['keks'][number];

/**
 * The passphrases of the configured key-encryption keys: `COUNTERSIGN_SIGNER_PASSPHRASE_<ALIAS>` (upper case, `-` as `_`)
 * before the file. One trailing line end is not part of it.
 * @throws CountersignError `usage` for a missing, empty or too open file
 */
export function readPassphrases(
  keks: Config['keks'],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly KekSecret[]> {
  return Promise.all(
    keks.map(async (kek) => {
      const passphrase = environment[variableOf(kek.alias)] ?? (await fromFile(kek));
      if (passphrase === '')
        throw new CountersignError('usage', `the passphrase for ${JSON.stringify(kek.alias)} is empty`);
      return { alias: kek.alias, passphrase };
    }),
  );
}

function variableOf(alias: string): string {
  return `COUNTERSIGN_SIGNER_PASSPHRASE_${alias.toUpperCase().replaceAll('-', '_')}`;
}

async function fromFile({ alias, passphraseFile }: KekConfig): Promise<string> {
  if (passphraseFile === undefined) {
    throw new CountersignError('usage', `there is no passphrase for ${JSON.stringify(alias)}`, {
      next: `Set "passphraseFile" beside the alias, or the variable ${variableOf(alias)}.`,
    });
  }
  try {
    const { mode, size } = await stat(passphraseFile);
    if ((mode & 0o077) !== 0) {
      throw new CountersignError('usage', `${passphraseFile} can be read by others than its owner`, {
        next: `Run: chmod 600 ${passphraseFile}`,
      });
    }
    if (size > LONGEST) throw new CountersignError('usage', `${passphraseFile} is longer than ${LONGEST} bytes`);
    return (await readFile(passphraseFile, 'utf8')).replace(/\r?\n$/u, '');
  } catch (cause) {
    if (cause instanceof CountersignError) throw cause;
    throw new CountersignError(
      'usage',
      `cannot read the passphrase of ${JSON.stringify(alias)} from ${passphraseFile}`,
      { cause },
    );
  }
}
