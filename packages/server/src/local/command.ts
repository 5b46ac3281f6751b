import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CountersignError } from '@countersign/client/tuf';

const MOST_OUTPUT_BYTES = 1024 * 1024;
/** A migration of a large database takes its time. */
const LONGEST_MS = 600_000;

/**
 * Runs one of our scripts to its end.
 * @throws CountersignError `unavailable` with what it printed, if it fails
 */
export async function runScript(script: string, args: readonly string[], stop: AbortSignal): Promise<void> {
  const options = { maxBuffer: MOST_OUTPUT_BYTES, timeout: LONGEST_MS, signal: stop };
  try {
    await promisify(execFile)(process.execPath, [script, ...args], options);
  } catch (cause) {
    if (stop.aborted) return;
    const printed = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause);
    throw new CountersignError('unavailable', printed, { cause });
  }
}
