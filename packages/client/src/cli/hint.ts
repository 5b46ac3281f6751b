import type { CommonOptions } from './options.js';

/** A word as a POSIX shell takes it unchanged. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/u.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command for people to paste. */
export function commandLine(...words: readonly string[]): string {
  return ['countersign', ...words.map(shellWord)].join(' ');
}

/** The options that lead to the server, as far as they were given; what comes from the environment is there for the next command as well. */
export function sameServer({ server, ca }: CommonOptions): readonly string[] {
  return [...(server === undefined ? [] : ['--server', server]), ...(ca === undefined ? [] : ['--ca', ca])];
}
