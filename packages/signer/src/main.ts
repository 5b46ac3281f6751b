import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command, CommanderError } from 'commander';
import { CountersignError, instant, type Instant } from '@countersign/client/tuf';
import { parseConfig, type Config } from './config.js';
import { openLog } from './log.js';
import { describeOptions } from './options.js';
import { summaryOf } from './notary/summary.js';
import { readPassphrases } from './passphrases.js';
import { importNotary, migrateSigner, rekeySigner, startSigner } from './signer.js';
import { VERSION } from './version.js';

interface Flags {
  readonly config?: string;
}

const HELP = '`countersign-signer --help` explains every option.';

/** For addresses with a password in them: other users of the machine see flags. */
const KEYS_VARIABLE = 'COUNTERSIGN_NOTARY_DATABASE';
const METADATA_VARIABLE = 'COUNTERSIGN_NOTARY_METADATA_DATABASE';

interface ImportFlags {
  readonly database?: string;
  readonly metadataDatabase?: string;
  readonly dryRun?: true;
}

const clock = (): Instant => instant(Date.now());

/**
 * The `countersign-signer` command.
 * @returns the exit code: 0, 1 for a failure, 2 for wrong usage or configuration
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    await command().parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(explain(error));
    return error instanceof CountersignError && error.code === 'usage' ? 2 : 1;
  }
}

function command(): Command {
  const program = new Command('countersign-signer')
    .description('Holds the online keys of Countersign sealed, and signs only what its policy allows.')
    .version(VERSION)
    .option('--config <file>', 'the configuration, a JSON file; must be given')
    .argument('[command]', 'what to do instead of signing')
    .usage('--config <file> [command]')
    .addHelpText('after', `\nOptions of the configuration file:\n${describeOptions()}`)
    .exitOverride();
  program.action(async (word: string | undefined) => {
    if (word !== undefined) throw new CountersignError('usage', `there is no command ${word}`, { next: HELP });
    await start(program.opts<Flags>());
  });
  program
    .command('migrate')
    .description('bring the database up to date')
    .action(() => runMigrate(program.opts<Flags>()));
  program
    .command('rekey')
    .description('re-seal every key with another key-encryption key; the signer may be running, with both configured')
    .requiredOption('--to <alias>', 'the key-encryption key to seal with')
    .action((flags: { readonly to: string }) => runRekey(program.opts<Flags>(), flags.to));
  program
    .command('import-notary')
    .description(
      'take over the keys of a Notary signer; passphrases are taken from NOTARY_SIGNER_<ALIAS>, as it takes them. ' +
        'Running it again adds only what is new. The signer may be running.',
    )
    .option('--database <url>', `its database, postgres://… or mysql://…; or set ${KEYS_VARIABLE}`)
    .option(
      '--metadata-database <url>',
      `the database of the Notary server, where that is another; or set ${METADATA_VARIABLE}`,
    )
    .option('--dry-run', 'open, verify and count, and change nothing')
    .action((flags: ImportFlags) => runImport(program.opts<Flags>(), flags));
  return program;
}

async function start(flags: Flags): Promise<void> {
  // from the first moment, so that a signal during the start ends it cleanly too
  const stop = stopSignal();
  const config = await load(flags);
  const log = openLog(config.log);
  const signer = await startSigner(config, log, { passphrases: await passphrasesOf(config), clock });
  log.info({ url: signer.url }, 'listening');
  process.stdout.write(`countersign-signer listening on ${signer.url}\n`);
  const signal = await stop;
  log.info({ signal }, 'stopping');
  await signer.close();
}

async function runMigrate(flags: Flags): Promise<void> {
  const ran = await migrateSigner(await load(flags));
  process.stdout.write(ran.length === 0 ? 'the database is up to date\n' : `ran ${ran.join(', ')}\n`);
}

async function runRekey(flags: Flags, alias: string): Promise<void> {
  const config = await load(flags);
  if (!config.keks.some((kek) => kek.alias === alias)) {
    throw new CountersignError('usage', `"keks" does not name ${JSON.stringify(alias)}`, {
      next: 'Add it, restart the signer so that it can open what is re-sealed, and run this again.',
    });
  }
  const parts = { passphrases: await passphrasesOf(config), clock };
  const resealed = await rekeySigner(config, parts, alias, ({ done, total }) => {
    process.stdout.write(`${done} of ${total}\n`);
  });
  process.stdout.write(`re-sealed ${resealed} keys with ${alias}\n`);
  if (config.defaultKek !== alias) {
    process.stdout.write(`new keys are still sealed with ${config.defaultKek}: set "defaultKek" to ${alias}\n`);
  }
}

async function runImport(flags: Flags, { dryRun, ...named }: ImportFlags): Promise<void> {
  const config = await load(flags);
  const database = named.database ?? process.env[KEYS_VARIABLE];
  if (database === undefined)
    throw new CountersignError('usage', `--database URL is missing, and so is ${KEYS_VARIABLE}`, { next: HELP });
  // names come from a database that somebody else has filled: none may write to the terminal but as text
  const say = (line: string): void => void process.stdout.write(`${line.replaceAll(/[\p{Cc}\p{Cf}]/gu, '?')}\n`);
  const mode = dryRun === undefined ? 'write' : 'dry-run';
  const passphrases = mode === 'write' ? await passphrasesOf(config) : [];
  const taken = await importNotary(
    config,
    { passphrases, clock },
    {
      database,
      metadata: named.metadataDatabase ?? process.env[METADATA_VARIABLE],
      environment: process.env,
      mode,
      report: say,
    },
  );
  for (const line of summaryOf(taken, mode)) say(line);
  if (taken.faults === 0) return;
  throw new CountersignError('unsealed', `${taken.faults} keys or files were left out; they are listed above`, {
    next: 'Run it again once the reason is gone: what was taken over stays.',
  });
}

async function load({ config }: Flags): Promise<Config> {
  if (config === undefined) throw new CountersignError('usage', '--config FILE is missing', { next: HELP });
  const path = resolve(config);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new CountersignError('usage', `cannot read ${path}${reason(cause)}`);
  }
  return parseConfig(text, path);
}

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return ': there is no such file';
  if (code === 'EISDIR') return ': it is a directory';
  return code === 'EACCES' ? ': that is not permitted' : '';
}

function passphrasesOf(config: Config): ReturnType<typeof readPassphrases> {
  return readPassphrases(config.keks, process.env);
}

function stopSignal(): Promise<string> {
  return new Promise((stop) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop(signal));
  });
}

function explain(error: unknown): string {
  if (!(error instanceof CountersignError)) return `countersign-signer: ${String(error)}\n`;
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `countersign-signer: ${error.message}${cause}\n${error.next === undefined ? '' : `  ${error.next}\n`}`;
}
