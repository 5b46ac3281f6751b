import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { CountersignError } from '../tuf/errors.js';
import { errorCode } from './atomic-file.js';

/** Who holds a lock, as its file says. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly token: string;
}

export interface LockOptions {
  readonly pid: number;
  /** Whether a process of this machine lives. */
  readonly isAlive: (pid: number) => boolean;
}

/**
 * Runs `work` while the file at `path` says so, so that two commands do not change the same collection's state at once. The
 * lock of a process of this machine that has died is taken over.
 * @throws CountersignError `conflict` at once where a living process holds it
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const token = randomUUID();
  await acquire(path, { pid: options.pid, host: hostname(), token }, options);
  try {
    return await work();
  } finally {
    // Only our own: another process may hold it rightly if this file was removed by hand.
    if ((await holder(path))?.token === token) await rm(path, { force: true });
  }
}

async function acquire(path: string, mine: Holder, options: LockOptions): Promise<void> {
  for (let tries = 0; tries < 3; tries += 1) {
    if (await create(path, mine)) return;
    const other = await holder(path);
    if (other !== undefined && (other.host !== mine.host || options.isAlive(other.pid))) throw held(path, other);
    await takeAway(path, mine.token, other);
  }
  throw held(path, undefined);
}

async function create(path: string, mine: Holder): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(JSON.stringify(mine));
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Renaming has one winner; and who finds to have moved another's lock, taken in the meantime, puts it back. */
async function takeAway(path: string, token: string, expected: Holder | undefined): Promise<void> {
  const aside = `${path}.${token}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  const moved = await holder(aside);
  if (moved !== undefined && moved.token !== expected?.token) await rename(aside, path);
  else await rm(aside, { force: true });
}

/** Undefined for a file that is gone or torn, as a crash while writing it leaves it. */
async function holder(path: string): Promise<Holder | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, host, token } = { ...value } as Partial<Record<string, unknown>>;
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof token !== 'string') return undefined;
    return { pid, host, token };
  } catch {
    return undefined;
  }
}

function held(path: string, other: Holder | undefined): CountersignError {
  const who = other === undefined ? 'another command' : `process ${other.pid} on ${other.host}`;
  return new CountersignError('conflict', `${who} is working on this collection`, {
    next: `Wait until it has finished; if there is no such process, remove ${path}.`,
  });
}
