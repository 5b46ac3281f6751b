import { InvalidArgumentError, Option, type Command } from 'commander';
import { MAX_LIFETIME } from '../lifetimes.js';

/** Options every verb may carry; each verb offers those that make sense for it. */
export interface CommonOptions {
  readonly server?: string;
  readonly ca?: string;
  readonly root?: string;
  readonly rootFingerprint?: string;
  readonly rootCa?: string;
  readonly trustOnFirstUse?: true;
  readonly passphraseFile?: string;
  readonly expires?: number;
  readonly json?: true;
}

/** Where the server is. */
export function withServer(command: Command): Command {
  return command
    .option('--server <url>', 'the trust server (or COUNTERSIGN_SERVER; remembered for a collection)')
    .option(
      '--ca <file>',
      "PEM certificate of the server's authority, instead of the well-known ones (or COUNTERSIGN_CA)",
    );
}

/** Where the server is, and why a collection seen for the first time is believed. */
export function withTrust(command: Command): Command {
  return withServer(command)
    .addOption(
      new Option('--root <file>', 'a root file of the collection, got from its publisher').conflicts([
        'rootFingerprint',
        'rootCa',
        'trustOnFirstUse',
      ]),
    )
    .addOption(
      new Option(
        '--root-fingerprint <sha256:…>',
        'the fingerprint of a root of the collection, told by its publisher; of a Notary collection also the id of its root key',
      ).conflicts(['rootCa', 'trustOnFirstUse']),
    )
    .addOption(
      new Option(
        '--root-ca <file>',
        'PEM certificates of authorities that vouch for the root certificate of a Notary collection',
      ).conflicts('trustOnFirstUse'),
    )
    .option('--trust-on-first-use', 'believe whatever root the server shows the first time');
}

export function withPassphrase(command: Command): Command {
  return command.option(
    '--passphrase-file <file>',
    'read the passphrase of your keys from a file (or COUNTERSIGN_PASSPHRASE)',
  );
}

export function withExpires(command: Command, what: string): Command {
  return command.option('--expires <days>', `how long ${what} stays valid (default 365)`, days);
}

/** Who delegates. */
export function withBy(command: Command): Command {
  return command.option('--by <role>', 'the role that delegates; targets unless given');
}

/** What a publish may break; the server names the roles when it refuses. */
export function withAbandon(command: Command): Command {
  return command.option('--abandon <role...>', 'delegated roles that nobody need be able to verify any more');
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON, for programs');
}

function days(text: string): number {
  const number = Number(text);
  if (/^\d+$/u.test(text) && number >= 1 && number <= MAX_LIFETIME) return number;
  throw new InvalidArgumentError(`Give a number of days from 1 to ${MAX_LIFETIME}.`);
}
