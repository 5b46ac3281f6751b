import { readFile } from 'node:fs/promises';
import { writeAtomically } from '../../node/atomic-file.js';
import { CountersignError } from '../../tuf/errors.js';

/** What is at `path` already; undefined where nothing is that could be lost. */
export async function present(path: string): Promise<Uint8Array | undefined> {
  return readFile(path).catch(() => undefined);
}

/** The error for a file that would be lost. */
export function wouldOverwrite(path: string): CountersignError {
  return new CountersignError('usage', `${path} is there already and holds something else`, {
    next: 'Choose another name; or give --force to replace it.',
  });
}

/** Puts text at `path`, in place of what is there. @throws CountersignError as `writeAtomically` */
export async function putText(path: string, text: string, mode?: number): Promise<void> {
  await writeAtomically(path, new TextEncoder().encode(text), mode);
}

/** The name suggested for the backup of a root key: one for each. */
export function rootKeyFile(id: string): string {
  return `root-key-${id.slice(0, 8)}.pem`;
}
