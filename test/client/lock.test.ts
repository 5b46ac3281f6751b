import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import * as files from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withLock } from '../../packages/client/src/node/lock.js';

vi.mock('node:fs/promises', { spy: true });

const LIVING = { pid: 1, isAlive: (pid: number) => pid === 1 };
const DEAD = JSON.stringify({ pid: 2, host: hostname(), token: crypto.randomUUID() });

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'countersign-lock-'));
  path = join(directory, 'lock');
});
afterEach(() => {
  vi.resetAllMocks();
  rmSync(directory, { recursive: true });
});

/** In seconds, as `utimes` wants it. */
const hoursFromNow = (hours: number): number => Date.now() / 1000 + hours * 3600;

const idle = (): Promise<string> => Promise.resolve('done');

/** How many of `count` at once come to hold the lock, and the most that held it at one time. */
async function contend(count: number): Promise<{ held: number; together: number }> {
  const seen = { held: 0, together: 0 };
  let now = 0;
  const work = async (): Promise<void> => {
    seen.held += 1;
    seen.together = Math.max(seen.together, (now += 1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    now -= 1;
  };
  await Promise.allSettled(Array.from({ length: count }, () => withLock(path, LIVING, work)));
  return seen;
}

describe('a lock', () => {
  it('that was removed by hand is not taken from whoever holds it since', async () => {
    await withLock(path, LIVING, () => {
      rmSync(path);
      writeFileSync(path, DEAD);
      return Promise.resolve();
    });
    expect(readdirSync(directory)).toEqual(['lock']);
  });

  it('is held by one, and leaves nothing behind', async () => {
    expect(await contend(10)).toEqual({ held: 1, together: 1 });
    expect(readdirSync(directory)).toEqual([]);
  });

  it('of a living process is respected', async () => {
    await withLock(path, LIVING, async () => {
      await expect(withLock(path, LIVING, idle)).rejects.toMatchObject({ code: 'conflict' });
    });
    expect(await withLock(path, LIVING, idle)).toBe('done');
  });

  it('of a process on another machine is respected', async () => {
    writeFileSync(path, JSON.stringify({ pid: 2, host: 'elsewhere', token: crypto.randomUUID() }));
    await expect(withLock(path, LIVING, idle)).rejects.toMatchObject({ code: 'conflict' });
  });

  it.each([DEAD, '', '{"pid":2'])('of a dead process, %j, is taken over, by one', async (left) => {
    for (let run = 0; run < 20; run += 1) {
      writeFileSync(path, left);
      utimesSync(path, hoursFromNow(-1), hoursFromNow(-1));
      expect((await contend(5)).together).toBe(1);
      expect(await withLock(path, LIVING, idle)).toBe('done');
    }
    expect(readdirSync(directory)).toEqual([]);
  });

  it('is never seen half made: a second command does not take it for a torn one', async () => {
    let second: unknown;
    const { open } = await vi.importActual<typeof files>('node:fs/promises');
    vi.mocked(files.open).mockImplementationOnce(async (...args) => {
      const file = await open(...args);
      second = await withLock(path, LIVING, idle); // while the first one's file is there, and says nothing yet
      return file;
    });
    await withLock(path, LIVING, async () => {
      await expect(withLock(path, LIVING, idle)).rejects.toMatchObject({ code: 'conflict' });
    });
    expect(second).toBe('done'); // it had come and gone before the first one's file was there
  });

  it('that says nothing yet counts as one being made', async () => {
    writeFileSync(path, '');
    await expect(withLock(path, LIVING, idle)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('of tomorrow, made before the clock was set back, holds no longer than any other', async () => {
    writeFileSync(path, JSON.stringify({ pid: 1, host: hostname(), token: crypto.randomUUID() }));
    const bounded = { ...LIVING, heldAtMost: 10_000 };
    await expect(withLock(path, bounded, idle)).rejects.toMatchObject({ code: 'conflict' });
    utimesSync(path, hoursFromNow(24), hoursFromNow(24));
    expect(await withLock(path, bounded, idle)).toBe('done');
  });

  it('is judged by the clock of the file system, which another machine may have', async () => {
    const { link } = await vi.importActual<typeof files>('node:fs/promises');
    vi.mocked(files.link).mockImplementation((from, to) => {
      utimesSync(from, hoursFromNow(1), hoursFromNow(1));
      return link(from, to);
    });
    const bounded = { ...LIVING, heldAtMost: 10_000 };
    await withLock(path, bounded, async () => {
      await expect(withLock(path, bounded, idle)).rejects.toMatchObject({ code: 'conflict' });
    });
  });

  it.each(['EPERM', 'ENOTSUP'])('is held by one where a file has one name only (%s)', async (code) => {
    vi.mocked(files.link).mockRejectedValue(Object.assign(new Error('no links here'), { code }));
    expect(await contend(10)).toEqual({ held: 1, together: 1 });
    expect(readdirSync(directory)).toEqual([]);
  });

  it('tells who holds it that another has taken it over meanwhile', async () => {
    await withLock(path, LIVING, async (stillHeld) => {
      expect(await stillHeld()).toBe(true);
      rmSync(path);
      await withLock(path, LIVING, async () => expect(await stillHeld()).toBe(false));
    });
  });
});
