import { chmodSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CountersignError, type Instant } from '@countersign/client/tuf';
import { firstStartText, runningText } from './announce.js';
import { authorityWarning, openAuthority, type Authority } from './authority.js';
import { renewCertificates } from './certificates.js';
import { runScript } from './command.js';
import { writeConfigurations, type Addresses } from './configuration.js';
import { openDataDirectory, type DataDirectory } from './data-directory.js';
import { lockDataDirectory } from './lock.js';
import { LogFile } from './log-file.js';
import { ensurePassphrase } from './passphrase.js';
import { freeAddress } from './ports.js';
import { Supervisor, type ProcessSpec } from './processes.js';
import type { Settings } from './settings.js';

/** What the launcher takes from outside besides its settings. */
export interface LauncherOptions {
  readonly clock: () => Instant;
  /** Milliseconds that only ever grow. */
  readonly uptime: () => number;
  /** Shows a text to the person. */
  readonly say: (text: string) => void;
  /** Aborted when the launcher is to stop. */
  readonly stop: AbortSignal;
}

const DAY_MS = 86_400_000;
const ANY_PORT = { host: '127.0.0.1', port: 0 };
const SERVER_SCRIPT = fileURLToPath(new URL('../../bin/countersign-server.js', import.meta.url));
const SIGNER_SCRIPT = fileURLToPath(
  new URL('../bin/countersign-signer.js', import.meta.resolve('@countersign/signer/wire')),
);

/**
 * Runs a local installation until `stop`: makes what is missing in the data directory, then keeps signer and server running
 * as two processes.
 * @throws CountersignError `usage` for a data directory in use or a port that is taken, `unavailable` if a process keeps
 * dying, and what `openAuthority` and `ensurePassphrase` throw
 */
export async function launch(settings: Settings, options: LauncherOptions): Promise<void> {
  const data = openDataDirectory(settings.data);
  const lock = lockDataDirectory(data);
  try {
    const { authority, isFirst } = await prepare(data, options);
    const addresses = {
      https: await freeAddress(settings.https, 'COUNTERSIGN_HTTPS'),
      http: await freeAddress(settings.http, 'COUNTERSIGN_HTTP'),
      signer: await freeAddress(ANY_PORT, 'COUNTERSIGN_DATA'),
    };
    writeConfigurations(data, addresses);
    // The server brings its SQLite database up to date when it starts; the signer wants to be told.
    await runScript(SIGNER_SCRIPT, ['migrate', '--config', data.signerConfig], options.stop);
    const renewal = keepCertificates(data, authority, options);
    try {
      await run(data, addresses, isFirst, options);
    } finally {
      clearInterval(renewal);
    }
  } finally {
    lock.release();
  }
}

interface Prepared {
  readonly authority: Authority;
  readonly isFirst: boolean;
}

async function prepare(data: DataDirectory, { clock, say }: LauncherOptions): Promise<Prepared> {
  const authority = await openAuthority(data.authority, clock());
  const passphrase = ensurePassphrase(data);
  await renewCertificates(data, authority, clock());
  const isFirst = authority.isNew || passphrase === 'made';
  if (isFirst) say(firstStartText(data));
  const warning = authorityWarning(authority, clock());
  if (warning !== undefined) say(warning);
  return { authority, isFirst };
}

/** Signer and server watch their certificate files, so writing new ones is all there is to a renewal. */
function keepCertificates(data: DataDirectory, authority: Authority, { clock, say }: LauncherOptions): NodeJS.Timeout {
  const renew = async (): Promise<void> => {
    const issued = await renewCertificates(data, authority, clock());
    if (issued.length > 0) say(`Renewed ${issued.join(', ')}.`);
    const warning = authorityWarning(authority, clock());
    if (warning !== undefined) say(warning);
  };
  return setInterval(() => {
    renew().catch((error: unknown) => say(`The local certificates could not be renewed: ${String(error)}`));
  }, DAY_MS).unref();
}

async function run(
  data: DataDirectory,
  addresses: Addresses,
  isFirst: boolean,
  options: LauncherOptions,
): Promise<void> {
  keepFromOthers(data.signerLog);
  const log = new LogFile(data.serverLog);
  const supervisors: Supervisor[] = [];
  const stopped = new Promise<void>((resolve) => {
    if (options.stop.aborted) resolve();
    options.stop.addEventListener('abort', () => resolve(), { once: true });
  });
  /** Waits for `event`, for the stop, or for a process to be given up, whichever comes first. */
  const until = async (event: Promise<void>): Promise<void> => {
    const outcome = await Promise.race([event, stopped, ...supervisors.map(({ givenUp }) => givenUp)]);
    if (outcome instanceof CountersignError) throw outcome;
  };
  try {
    for (const spec of processes(data, log)) {
      if (options.stop.aborted) break;
      const supervisor = new Supervisor(spec, options);
      supervisors.push(supervisor);
      await until(supervisor.ready);
    }
    if (!options.stop.aborted) {
      options.say(runningText(data, addresses, isFirst));
      await until(stopped);
    }
  } finally {
    // The server first: it may be in the middle of something that it needs the signer for.
    for (const supervisor of supervisors.reverse()) await supervisor.stop();
    log.close();
  }
  options.say('Stopped.');
}

/** The signer makes its log for its owner alone; one from before that is mended here. */
function keepFromOthers(path: string): void {
  if (existsSync(path)) chmodSync(path, 0o600);
}

function processes(data: DataDirectory, serverLog: LogFile): readonly ProcessSpec[] {
  return [
    {
      name: 'countersign-signer',
      script: SIGNER_SCRIPT,
      args: ['--config', data.signerConfig],
      // It appends its log, which is the audit log, to a file of its own, where no line is ever dropped.
      log: () => undefined,
    },
    {
      name: 'countersign-server',
      script: SERVER_SCRIPT,
      args: ['--config', data.serverConfig],
      log: (line) => serverLog.write(line),
    },
  ];
}
