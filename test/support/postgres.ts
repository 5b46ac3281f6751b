import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

const INSTALLATIONS = '/usr/lib/postgresql';

/** A PostgreSQL server of its own, on a private unix socket, in a temporary directory. */
export interface Postgres {
  /** A new, empty database. */
  create(): Promise<string>;
  /** A new database with everything that `url`'s has; nobody may be connected to that one. */
  copy(url: string): Promise<string>;
  drop(url: string): Promise<void>;
  /** Stops the server as a crash would, and starts it again with `start`. */
  crash(): Promise<void>;
  start(): Promise<void>;
  /** Stops the server and removes its directory. */
  stop(): Promise<void>;
}

/** The newest installation's programs, or the name of what is missing. */
export function findPostgres(): { readonly bin: string } | { readonly missing: string } {
  const versions = (() => {
    try {
      return readdirSync(INSTALLATIONS).map(Number).filter(Number.isFinite);
    } catch {
      return [];
    }
  })().sort((a, b) => b - a);
  for (const version of versions) {
    const bin = join(INSTALLATIONS, String(version), 'bin');
    if (['initdb', 'postgres'].every((program) => readdirSync(bin).includes(program))) return { bin };
  }
  const missing = `postgres (looked in ${INSTALLATIONS}/*/bin)`;
  if (process.env['CI'] === 'true') throw new Error(`${missing} is missing, and in CI no suite may be skipped`);
  return { missing };
}

/** PostgreSQL refuses to run as root; then it runs as whoever this is. */
function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const entry = /^(?:postgres|nobody):[^:]*:(\d+):(\d+):/mu.exec(readFileSync('/etc/passwd', 'utf8'));
  if (entry === null) throw new Error('running as root, and there is neither a postgres nor a nobody user');
  return { uid: Number(entry[1]), gid: Number(entry[2]) };
}

export async function startPostgres(bin: string): Promise<Postgres> {
  const user = unprivileged();
  const directory = await mkdtemp(join(tmpdir(), 'countersign-pg-'));
  if (user !== undefined) await chown(directory, user.uid, user.gid);
  const data = join(directory, 'data');
  const initdb = ['-D', data, '-U', 'countersign', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  await promisify(execFile)(join(bin, 'initdb'), initdb, { ...user, cwd: directory, env: {} });

  const urlOf = (database: string): string =>
    `postgres://countersign@localhost/${database}?host=${encodeURIComponent(directory)}`;
  let server: ChildProcess | undefined;
  let databases = 0;

  const postgres: Postgres = {
    async create() {
      const name = `test_${++databases}`;
      await run(urlOf('postgres'), `CREATE DATABASE ${name}`);
      return urlOf(name);
    },
    async copy(url) {
      const name = `test_${++databases}`;
      await run(urlOf('postgres'), `CREATE DATABASE ${name} TEMPLATE ${databaseOf(url)}`);
      return urlOf(name);
    },
    async drop(url) {
      await run(urlOf('postgres'), `DROP DATABASE ${databaseOf(url)} WITH (FORCE)`);
    },
    async crash() {
      await ended(server, 'SIGQUIT');
      server = undefined;
    },
    async start() {
      const options = ['-D', data, '-k', directory, '-c', 'listen_addresses=', '-c', 'max_connections=200'];
      server = spawn(join(bin, 'postgres'), options, { ...user, cwd: directory, env: {}, stdio: 'ignore' });
      await ready(urlOf('postgres'), server);
    },
    async stop() {
      await ended(server, 'SIGINT');
      await rm(directory, { recursive: true, force: true });
    },
  };
  await postgres.start();
  return postgres;
}

/** One statement on a connection of its own. */
export async function run(url: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function databaseOf(url: string): string {
  return new URL(url).pathname.slice(1);
}

async function ready(url: string, server: ChildProcess): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await run(url, 'SELECT 1');
      return;
    } catch (error) {
      if (attempt === 300 || server.exitCode !== null) throw error;
    }
    await delay(50);
  }
}

async function ended(server: ChildProcess | undefined, signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
  if (server?.exitCode !== null || server.signalCode !== null) return;
  const exit = new Promise((resolve) => server.once('exit', resolve));
  server.kill(signal);
  await exit;
}
