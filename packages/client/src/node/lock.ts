import { randomUUID } from 'node:crypto';
import { link, open, rm, stat, unlink, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { CountersignError, hasCode } from '../tuf/errors.js';
import { errorCode } from './atomic-file.js';
import { holderAt, isBy, type Holder } from './lock-holder.js';

export interface LockOptions {
  readonly pid: number;
  /** Whether a process of this machine lives. */
  readonly isAlive: (pid: number) => boolean;
  /** Milliseconds to wait for another holder; none unless given. */
  readonly patience?: number;
  /**
   * Milliseconds after which a holder counts as dead whatever is said of it: its machine may be gone, or its number be another
   * process's by now. Never unless given.
   */
  readonly heldAtMost?: number;
}

/** Dead holders and damaged files met in a row before giving up; each is taken away once. */
const MAX_TRIES = 3;
/** Milliseconds between two looks at another's lock. */
const PAUSE = 5;
/** Milliseconds within which a lock that says nothing may be one just being made. */
const BEING_MADE = 1_000;
/** What `link` says on FAT and on some network file systems. */
const WITHOUT_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Whether the lock is still who asks's: another takes it over from who is stopped for too long. */
export type StillHeld = () => Promise<boolean>;

/**
 * Runs `work` while the file at `path` says so, so that two commands do not change the same collection's state at once. The
 * lock of a process of this machine that has died is taken over.
 * @throws CountersignError `conflict` where a living process holds it, at once or after `patience`
 */
export async function withLock<T>(
  path: string,
  options: LockOptions,
  work: (stillHeld: StillHeld) => Promise<T>,
): Promise<T> {
  const mine = { pid: options.pid, host: hostname(), token: randomUUID() };
  const lock = await acquirePatiently(path, mine, options);
  try {
    return await work(() => isHeld(lock));
  } finally {
    await release(path, lock);
  }
}

/** A lock that is held. Its other name goes away while the work begins. */
interface Lock {
  readonly file: FileHandle;
  readonly otherName: Promise<void>;
}

async function isHeld({ file, otherName }: Lock): Promise<boolean> {
  await otherName;
  return (await file.stat()).nlink > 0;
}

/** Only our own: another process may hold the lock rightly if our file was removed by hand, or as a dead one's. */
async function release(path: string, lock: Lock): Promise<void> {
  let gone: Promise<void> | undefined;
  try {
    if (await isHeld(lock)) gone = unlink(path).catch(unlessGone);
  } finally {
    await Promise.all([gone, lock.file.close()]);
  }
}

async function acquirePatiently(path: string, mine: Holder, options: LockOptions): Promise<Lock> {
  let until: number | undefined;
  for (;;) {
    try {
      return await acquire(path, mine, options);
    } catch (error) {
      if (!hasCode(error, 'conflict')) throw error;
      // Asked for the time only now: in a short process that alone costs more than an uncontended lock.
      const now = performance.now();
      until ??= now + (options.patience ?? 0);
      if (now >= until) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE * (0.5 + Math.random())));
  }
}

async function acquire(path: string, mine: Holder, options: LockOptions): Promise<Lock> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const made = await create(path, mine);
    if ('file' in made) return made;
    const met = { path, now: made.now };
    const other = await holderAt(path);
    if (other === 'gone') continue;
    if (other === 'torn' && (await isBeingMade(met))) throw held(path, undefined);
    if (other !== 'torn' && (await lives(met, other, mine.host, options))) throw held(path, other);
    await takeAway(met, other, options);
  }
  throw held(path, undefined);
}

/** Another's lock, and when it was met: milliseconds by the clock of the file system, which need not be this machine's. */
interface Met {
  readonly path: string;
  readonly now: number;
}

async function lives(met: Met, { host, pid }: Holder, here: string, options: LockOptions): Promise<boolean> {
  if (host === here && !options.isAlive(pid)) return false;
  return options.heldAtMost === undefined || (await age(met)) < options.heldAtMost;
}

/** Of a lock that says nothing: whether it may do so soon. */
async function isBeingMade(met: Met): Promise<boolean> {
  return (await age(met)) < BEING_MADE;
}

/** Milliseconds since a lock was made, or until: clocks are set back, and a lock of tomorrow must not hold till then. */
async function age({ path, now }: Met): Promise<number> {
  const made = await stat(path).catch(() => undefined);
  return made === undefined ? 0 : Math.abs(now - made.mtimeMs);
}

/**
 * The lock, if it is ours now, or when another's was there. It appears with all it says, so that nobody takes a lock just being
 * made for a torn one.
 */
async function create(path: string, mine: Holder): Promise<Lock | Pick<Met, 'now'>> {
  const aside = `${path}.${mine.token}`;
  const file = await open(aside, 'wx', 0o600);
  try {
    await file.write(JSON.stringify(mine));
    await link(aside, path);
  } catch (error) {
    const now = (await file.stat().catch(() => undefined))?.mtimeMs ?? Date.now();
    await Promise.all([unlink(aside).catch(unlessGone), file.close()]);
    const code = errorCode(error) ?? '';
    if (code === 'EEXIST') return { now };
    if (WITHOUT_LINKS.has(code)) return (await createInPlace(path, mine)) ?? { now };
    throw error;
  }
  const otherName = unlink(aside).catch(unlessGone);
  otherName.catch(() => undefined); // told when the lock is released
  return { file, otherName };
}

/** Where a file system has one name for a file: for a moment the lock says nothing, and counts as being made. */
async function createInPlace(path: string, mine: Holder): Promise<Lock | undefined> {
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    if (errorCode(error) === 'EEXIST') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    await file.write(JSON.stringify(mine));
  } catch (error) {
    await Promise.all([unlink(path).catch(unlessGone), file.close()]);
    throw error;
  }
  return { file, otherName: Promise.resolve() };
}

function unlessGone(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error;
}

/**
 * Removes a dead process's lock. Whoever does holds the lock on that very lock, and looks again: so it is still the dead
 * one's, and not one that a third process has taken since.
 */
async function takeAway(met: Met, dead: Holder | 'torn', options: LockOptions): Promise<void> {
  const { path } = met;
  const name = dead === 'torn' ? dead : dead.token;
  await withLock(`${path}.of-${name}`, options, async () => {
    const now = await holderAt(path);
    const isSame = dead === 'torn' ? now === dead && !(await isBeingMade(met)) : isBy(now, dead.token);
    if (isSame) await rm(path, { force: true });
  });
}

function held(path: string, other: Holder | undefined): CountersignError {
  const who = other === undefined ? 'another command' : `process ${other.pid} on ${other.host}`;
  return new CountersignError('conflict', `${who} is working on this collection`, {
    next: `Wait until it has finished; if there is no such process, remove ${path}.`,
  });
}
