import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { connect } from '../node/connect.js';
import { nodeCrypto } from '../node/crypto.js';
import { DirectoryCache } from '../node/directory-cache.js';
import { intoFile } from '../node/download.js';
import { fingerprint } from '../reading/pinning.js';
import { CountersignError } from '../tuf/errors.js';
import { formatNamed } from '../tuf/formats/index.js';
import { Updater } from '../reading/updater.js';
import { encodeSegment } from '../http/urls.js';

interface Flags {
  readonly metadataDir?: string;
  readonly metadataUrl?: string;
  readonly targetName: readonly string[];
  readonly targetBaseUrl?: string;
  readonly targetDir?: string;
}

interface Stderr {
  write(text: string): unknown;
}

/** Longest file name common file systems take, in bytes. */
const MAX_NAME = 255;

/**
 * The command that the public conformance suite of TUF clients drives (tuf-conformance, CLIENT-CLI.md): `init`, `refresh` and
 * `download`, all state in `--metadata-dir`.
 * @returns the exit code: 0, or 1 for any failure
 */
export async function conformance(args: readonly string[], stderr: Stderr): Promise<number> {
  try {
    await command(stderr).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    stderr.write(`${error instanceof CountersignError ? `${error.code}: ${error.message}` : String(error)}\n`);
    return 1;
  }
}

function command(stderr: Stderr): Command {
  const program = new Command('tuf-conformance-client')
    .description('Countersign as the client under test of tuf-conformance.')
    .option('--metadata-dir <directory>', 'where trusted metadata is kept')
    .option('--metadata-url <url>', 'where the metadata is served')
    .option('--target-name <path>', 'a target to download; several are downloaded in this order', collect, [])
    .option('--target-base-url <url>', 'where the targets are served')
    .option('--target-dir <directory>', 'where downloaded targets go')
    .configureOutput({ writeErr: (text) => stderr.write(text) })
    .exitOverride();
  program.command('init <root>').action((root: string) => init(program.opts(), root));
  program.command('refresh').action(() => withUpdater(program.opts(), (updater) => updater.refresh()));
  program.command('download').action(() => withUpdater(program.opts(), (updater) => download(updater, program.opts())));
  for (const each of program.commands) each.copyInheritedSettings(program);
  return program;
}

function collect(path: string, before: readonly string[]): readonly string[] {
  return [...before, path];
}

async function init(flags: Flags, path: string): Promise<void> {
  const raw = new Uint8Array(await readFile(path));
  formatNamed('tuf-1').parseRoot(raw);
  const cache = new DirectoryCache(given(flags, 'metadataDir'));
  await cache.startFrom(raw, fingerprint(raw, nodeCrypto), undefined);
}

async function withUpdater(flags: Flags, work: (updater: Updater) => Promise<unknown>): Promise<void> {
  const metadata = given(flags, 'metadataUrl');
  const connection = connect();
  try {
    const updater = new Updater({
      urls: { metadata, targets: flags.targetBaseUrl ?? metadata },
      crypto: nodeCrypto,
      cache: new DirectoryCache(given(flags, 'metadataDir')),
      fetch: connection.fetch,
      format: formatNamed('tuf-1'),
    });
    await work(updater);
  } finally {
    await connection.close();
  }
}

async function download(updater: Updater, flags: Flags): Promise<void> {
  const directory = given(flags, 'targetDir');
  given(flags, 'targetBaseUrl');
  if (flags.targetName.length === 0) throw new CountersignError('usage', '--target-name is missing');
  for (const name of flags.targetName) {
    const target = await updater.find(name);
    if (target === undefined) throw new CountersignError('not-found', `no role lists ${name}`);
    await updater.download(target, intoFile(join(directory, fileName(name))));
  }
}

/** One flat name a target path: what strangers call their targets leads nowhere (W8.4). */
function fileName(path: string): string {
  const name = encodeSegment(path);
  // Two names that are directories, and need no character to be escaped.
  if (name === '.' || name === '..') return name.replaceAll('.', '%2E');
  return name.length <= MAX_NAME ? name : `sha256-${createHash('sha256').update(path).digest('hex')}`;
}

function given<K extends keyof Flags>(flags: Flags, name: K): NonNullable<Flags[K]> {
  const value = flags[name];
  if (value !== undefined) return value;
  const option = name.replace(/[A-Z]/gu, (letter) => `-${letter.toLowerCase()}`);
  throw new CountersignError('usage', `--${option} is missing`);
}
