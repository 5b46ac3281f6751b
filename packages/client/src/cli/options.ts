import { InvalidArgumentError, Option, type Command } from 'commander';
import { MAX_LIFETIME } from '../publishing/lifetimes.js';
import type { Format } from '../tuf/formats/format.js';
import { formatNamed } from '../tuf/formats/index.js';

/** Options every verb may carry; each verb offers those that make sense for it. */
export interface CommonOptions {
  readonly server?: string;
  readonly ca?: string;
  readonly root?: string;
  readonly rootFingerprint?: string;
  readonly rootCa?: string;
  readonly trustOnFirstUse?: true;
  /** `false`: none, though one lies here. */
  readonly lock?: string | false;
  /** Seconds. */
  readonly maxStale?: number;
  readonly bundle?: string;
  readonly asOf?: string;
  /** Seconds. */
  readonly validFor?: number;
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

/** Whether an option says why a collection seen for the first time is believed. */
export function saysWhomToBelieve({ root, rootFingerprint, rootCa, trustOnFirstUse }: CommonOptions): boolean {
  return [root, rootFingerprint, rootCa, trustOnFirstUse].some((option) => option !== undefined);
}

/** Where the collection is, why it is believed, what it is held to, and how new its metadata must be. */
export function withReading(command: Command): Command {
  return withLock(withTrust(command), 'hold the collection to what this file records of it')
    .option('--no-lock', 'pay no attention to a trust.lock that lies here')
    .option(
      '--max-stale <time>',
      'ask the server for nothing newer if that was done within this time: seconds, or as 10m, 1h, 7d',
      seconds,
    );
}

/** Reading, from a server or from a bundle. */
export function withBundle(command: Command): Command {
  return withReading(command)
    .option('--bundle <file>', 'read this file, made by `countersign bundle`, and use no network')
    .option(
      '--as-of <date>',
      'of a bundle: take what was valid then, and do without all that was published or revoked since',
    )
    .option('--valid-for <time>', 'of a bundle: refuse what expires sooner than in this time', seconds);
}

/** Which file of locked collections is meant. */
export function withLock(command: Command, what: string): Command {
  return command.option('--lock <file>', `${what} (or COUNTERSIGN_LOCK; trust.lock here unless given)`);
}

export function withPassphrase(command: Command): Command {
  return command.option(
    '--passphrase-file <file>',
    'read the passphrase of your keys from a file (or COUNTERSIGN_PASSPHRASE)',
  );
}

export function withExpires(command: Command, what: string): Command {
  const defaults = 'default 365; of a Notary collection 3650 for its root, else 1095';
  return command.option('--expires <days>', `how long ${what} stays valid (${defaults})`, days);
}

const FORMAT_NAMES = { tuf: 'tuf-1', notary: 'notary-1' } as const;
/** The name of a format as it is typed. */
export type FormatChoice = keyof typeof FORMAT_NAMES;

/** Of what format a new collection is. */
export function withFormat(command: Command): Command {
  const option = new Option('--format <format>', 'TUF 1.0 (the default), or what docker trust and notary speak');
  return command.addOption(option.choices(Object.keys(FORMAT_NAMES)));
}

export function formatChosen(choice: FormatChoice): Format {
  return formatNamed(FORMAT_NAMES[choice]);
}

/** Who delegates. */
export function withBy(command: Command): Command {
  return command.option(
    '--by <role>',
    'the role that delegates; targets unless given, of a Notary collection the one above',
  );
}

/** What a publish may break; the server names the roles when it refuses. */
export function withAbandon(command: Command): Command {
  return command.option('--abandon <role...>', 'delegated roles that nobody need be able to verify any more');
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON, for programs');
}

const UNITS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** A span of time as people type it. */
export function seconds(text: string): number {
  const [, number, unit] = /^(\d{1,9})([smhd]?)$/u.exec(text) ?? [];
  if (number !== undefined) return Number(number) * (UNITS[unit ?? ''] ?? 1);
  throw new InvalidArgumentError('Give a number of seconds, or a time such as 10m, 1h or 7d.');
}

function days(text: string): number {
  const number = Number(text);
  if (/^\d+$/u.test(text) && number >= 1 && number <= MAX_LIFETIME) return number;
  throw new InvalidArgumentError(`Give a number of days from 1 to ${MAX_LIFETIME}.`);
}
