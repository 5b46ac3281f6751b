import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

function mount(directory: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory], { stdio: 'pipe' });
}

/** Not every root may: a container often has no leave to mount. So it is tried. */
function tryMount(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-small-disk-'));
  try {
    mount(directory);
    execFileSync('umount', [directory], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return (
      /(?:mount: )?(.*)/u.exec(error instanceof Error ? error.message.replaceAll('\n', ' ') : '')?.[1] ?? 'it failed'
    );
  } finally {
    rmdirSync(directory);
  }
}

const why = tryMount();

/** Whether suites on a file system of one megabyte can run, and what to add to their names where they cannot. */
export const SMALL_DISK = {
  missing: why !== undefined,
  skipped: why === undefined ? '' : `: skipped, a small file system cannot be mounted here (${why.slice(0, 120)})`,
} as const;

/** Runs `body` with a directory that has room for one megabyte. */
export async function onSmallDisk(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-small-disk-'));
  mount(directory);
  try {
    await body(directory);
  } finally {
    execFileSync('umount', [directory]);
    await rmdir(directory);
  }
}
