import { Command } from 'commander';
import { readFile } from 'node:fs/promises';
import { pino } from 'pino';
import { CountersignError, instant } from '@countersign/client/tuf';
import { loadConfig, type Config } from './config.js';
import { configManual } from './manual.js';
import { importNotary } from './import-notary.js';
import { summaryOf } from './notary/summary.js';
import { startServer, type StartOptions } from './start.js';
import { migrate } from './store/index.js';

/** The `countersign-server` command. Exit codes: 0 done or stopped, 1 failed, 2 wrong usage or configuration. */
export async function main(): Promise<void> {
  const program = await command();
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    complain(error);
  }
}

interface ServeFlags {
  readonly config?: string;
  readonly insecureNoAuthentication?: true;
}

interface ImportFlags {
  readonly config?: string;
  readonly database?: string;
  readonly dryRun?: true;
}

/** For an address with a password in it: other users of the machine see flags. */
const NOTARY_VARIABLE = 'COUNTERSIGN_NOTARY_DATABASE';
const CONFIG_FLAG = '--config <file>';
const HELP_AFTER = `
What the configuration file holds: \`countersign-server config-manual\`, or docs/config-server.md.`;
const CONFIG_DOC = 'the configuration file; config-manual explains what it holds';

async function command(): Promise<Command> {
  const program = new Command('countersign-server')
    .description(
      'Serves TUF collections. Secrets are never given as flags: the configuration file says where they are.',
    )
    .usage('--config <file> [--insecure-no-authentication]\n       countersign-server <command>')
    .version(await version())
    .addHelpText('after', HELP_AFTER)
    .exitOverride((exit) => process.exit(exit.exitCode === 0 ? 0 : 2));
  program
    .command('serve', { isDefault: true })
    .description('serves until SIGINT or SIGTERM; what happens without a command')
    .allowExcessArguments()
    .option(CONFIG_FLAG, CONFIG_DOC)
    .option('--insecure-no-authentication', 'listen beyond loopback although anybody who gets there can publish')
    .action(async (flags: ServeFlags, { args: [word] }: Command) => {
      const isCommand = program.commands.some((other) => other.name() === word);
      if (word !== undefined)
        throw usage(isCommand ? `${word} comes before the options` : `there is no command ${word}`);
      await serve(flags);
    });
  program
    .command('migrate')
    .description("brings the database to this version's tables; on PostgreSQL run it before starting a new version")
    .option(CONFIG_FLAG, CONFIG_DOC)
    .action(async ({ config }: ServeFlags) => {
      const { done } = await migrate((await load(config)).database);
      process.stdout.write(`the database is up to date (${done.length} migrations)\n`);
    });
  program
    .command('import-notary')
    .description(
      'takes the collections and the changefeed of a Notary server over; after countersign-signer import-notary, whose signer must be running. Running it again adds only what is new.',
    )
    .argument('[names...]', 'collections to take, instead of all and the changefeed')
    .option(CONFIG_FLAG, CONFIG_DOC)
    .option('--database <url>', `its database, postgres://… or mysql://…; or set ${NOTARY_VARIABLE}`)
    .option('--dry-run', 'verify and count, and change nothing')
    .action((names: readonly string[], flags: ImportFlags) => runImport(names, flags));
  program
    .command('config-manual')
    .description('prints every option of the configuration file, as Markdown')
    .action(() => void process.stdout.write(configManual()));
  return program;
}

async function runImport(names: readonly string[], { config, database, dryRun }: ImportFlags): Promise<void> {
  const url = database ?? process.env[NOTARY_VARIABLE];
  if (url === undefined) throw usage(`--database URL is missing, and so is ${NOTARY_VARIABLE}`);
  const loaded = await load(config);
  // names come from a database that somebody else has filled: none may write to the terminal but as text
  const say = (line: string): void => void process.stdout.write(`${line.replaceAll(/[\p{Cc}\p{Cf}]/gu, '?')}\n`);
  const mode = dryRun === undefined ? 'write' : 'dry-run';
  const imported = await importNotary(loaded, { url, names, mode, report: say }, environment(loaded));
  for (const line of summaryOf(imported, mode)) say(line);
  if (imported.faults === 0) return;
  throw new CountersignError(
    'internal',
    `${imported.faults} collections, files or lines were left out; they are listed above`,
    {
      next: 'Run it again once the reason is gone: what was taken over stays.',
    },
  );
}

async function serve(flags: ServeFlags): Promise<void> {
  const loaded = await load(flags.config);
  const config = flags.insecureNoAuthentication ? { ...loaded, insecureListenWithoutAuthentication: true } : loaded;
  const parts = environment(config);
  // Before anything is opened: whoever reads that it listens may stop it in the same moment.
  const stopped = firstSignal();
  const server = await startServer(config, parts);
  process.stdout.write(`countersign-server listening on ${server.urls.join(' and ')}\n`);
  parts.log.info({ signal: await stopped }, 'stopping');
  await server.close();
  process.exit(0);
}

function environment({ logLevel }: Config): Pick<StartOptions, 'clock' | 'log'> {
  const log = pino({ level: logLevel }, pino.destination({ dest: 2, sync: true }));
  return { clock: () => instant(Date.now()), log };
}

function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let signals = 0;
    const take = (signal: NodeJS.Signals): void => {
      signals += 1;
      // The second time somebody means it.
      if (signals > 1) process.exit(1);
      resolve(signal);
    };
    process.on('SIGINT', take);
    process.on('SIGTERM', take);
  });
}

async function load(file: string | undefined): Promise<Config> {
  if (file === undefined) throw usage('--config FILE is missing');
  return loadConfig(file, process.env);
}

function usage(message: string): CountersignError {
  return new CountersignError('usage', message, { next: '`countersign-server --help` explains how it is used.' });
}

async function version(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
  return (manifest as { version: string }).version;
}

function complain(error: unknown): void {
  process.exitCode = error instanceof CountersignError && error.code === 'usage' ? 2 : 1;
  if (!(error instanceof CountersignError))
    return void process.stderr.write(`${String(error instanceof Error ? error.stack : error)}\n`);
  process.stderr.write(`countersign-server: ${error.message}\n${error.next === undefined ? '' : `${error.next}\n`}`);
}
