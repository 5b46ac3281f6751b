import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';

const SERVER = '/usr/sbin/mariadbd';
const INSTALL = '/usr/bin/mariadb-install-db';

/** A MariaDB server of its own, on a private unix socket, in a temporary directory. */
export interface Mariadb {
  /** A new, empty database. */
  create(): Promise<string>;
  /** Stops the server and removes its directory. */
  stop(): Promise<void>;
}

/** What is missing to start one; in CI that is an error. */
export function missingForMariadb(): readonly string[] {
  const missing = [SERVER, INSTALL].filter((program) => !existsSync(program));
  if (missing.length > 0 && process.env['CI'] === 'true')
    throw new Error(`${missing.join(', ')} is missing, and in CI no suite may be skipped`);
  return missing;
}

/** MariaDB refuses to run as root; then it runs as whoever this is. */
function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const entry = /^(?:mysql|nobody):[^:]*:(\d+):(\d+):/mu.exec(readFileSync('/etc/passwd', 'utf8'));
  if (entry === null) throw new Error('running as root, and there is neither a mysql nor a nobody user');
  return { uid: Number(entry[1]), gid: Number(entry[2]) };
}

export async function startMariadb(): Promise<Mariadb> {
  const user = unprivileged();
  const directory = await mkdtemp(join(tmpdir(), 'countersign-my-'));
  if (user !== undefined) await chown(directory, user.uid, user.gid);
  const [data, socket] = [join(directory, 'data'), join(directory, 'socket')];
  const install = ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'];
  await promisify(execFile)(INSTALL, install, { ...user, cwd: directory, env: { PATH: '/usr/sbin:/usr/bin:/bin' } });
  const options = ['--no-defaults', `--datadir=${data}`, `--socket=${socket}`, '--skip-networking'];
  const server = spawn(SERVER, options, { ...user, cwd: directory, env: {}, stdio: 'ignore' });
  await ready(socket, server);
  let databases = 0;
  return {
    async create() {
      const name = `test_${++databases}`;
      await runMysql(urlOf(socket, 'mysql'), [`CREATE DATABASE ${name}`]);
      return urlOf(socket, name);
    },
    async stop() {
      const exit = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGTERM');
      await exit;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Statements on a connection of their own. */
export async function runMysql(
  url: string,
  statements: readonly string[],
  values: readonly (string | number | Date | null | Buffer)[] = [],
): Promise<void> {
  const { pathname, searchParams } = new URL(url);
  const connection = await createConnection({
    user: 'root',
    socketPath: searchParams.get('socket') ?? '',
    database: pathname.slice(1),
    timezone: 'Z',
  });
  try {
    for (const statement of statements) await connection.query(statement, [...values]);
  } finally {
    await connection.end();
  }
}

function urlOf(socket: string, database: string): string {
  return `mysql://root@localhost/${database}?socket=${encodeURIComponent(socket)}`;
}

async function ready(socket: string, server: ChildProcess): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await runMysql(urlOf(socket, 'mysql'), ['SELECT 1']);
      return;
    } catch (error) {
      if (attempt === 600 || server.exitCode !== null) throw error;
    }
    await delay(50);
  }
}
