import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('slow-fsync.c', import.meta.url));

/**
 * The environment in which a process's disk takes `milliseconds` longer for each fsync; nothing for 0.
 * @param {number} milliseconds
 * @param {string} scratch a directory of the caller's, for the compiled library
 * @returns {Record<string, string>}
 */
export function slowDisk(milliseconds, scratch) {
  if (milliseconds === 0) return {};
  const library = join(scratch, 'slow-fsync.so');
  execFileSync('cc', ['-O2', '-shared', '-fPIC', '-o', library, SOURCE, '-ldl'], { stdio: 'inherit' });
  return { LD_PRELOAD: library, COUNTERSIGN_FSYNC_US: String(milliseconds * 1000) };
}
