import { linkSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A holder older than this is taken for dead even if a process with its number lives: numbers are used again. */
const LONGEST_HOLD_MS = 30 * 60_000;

/**
 * Runs `work` while holding the lock file at `path`; waits for another live holder, takes over from a dead one.
 *
 * @template T
 * @param {string} path
 * @param {{ waiting: (pid: number) => void }} hooks `waiting` is called once if the lock is held by somebody else
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(path, { waiting }, work) {
  let told = false;
  while (!take(path)) {
    const holder = holderOf(path);
    if (holder === undefined) continue;
    if (!holder.alive) {
      breakLock(path, holder.pid);
      continue;
    }
    if (!told) waiting(holder.pid);
    told = true;
    await sleep(250);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** Links a complete file into place, so that nobody ever sees a lock without its holder's number. */
function take(path) {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(own);
  }
}

function holderOf(path) {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    const age = Date.now() - statSync(path).mtimeMs;
    return { pid, alive: age < LONGEST_HOLD_MS && pid !== process.pid && isAlive(pid) };
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Renaming lets exactly one of several waiters remove the dead holder's file, and none remove a newer one. */
function breakLock(path, deadPid) {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  const moved = Number(readFileSync(aside, 'utf8'));
  if (moved !== deadPid) {
    try {
      linkSync(aside, path);
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }
  unlinkSync(aside);
}
