import { performance } from 'node:perf_hooks';
import { CountersignError, instant } from '@countersign/client/tuf';
import { launch } from './launcher.js';
import { readSettings } from './settings.js';

/**
 * The `countersign-local` command, which `npm start` runs.
 * @returns the exit code: 0 when stopped by SIGINT or SIGTERM, 1 for a failure, 2 for a wrong setting
 */
export async function main(): Promise<number> {
  const stop = new AbortController();
  // npm passes Ctrl-C on to a process that the terminal has told already: once more changes nothing.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  try {
    await launch(readSettings(process.env), {
      clock: () => instant(Date.now()),
      uptime: () => performance.now(),
      say: (text) => void process.stdout.write(`${text}\n`),
      stop: stop.signal,
    });
    return 0;
  } catch (error) {
    process.stderr.write(explain(error));
    return error instanceof CountersignError && error.code === 'usage' ? 2 : 1;
  }
}

function explain(error: unknown): string {
  if (!(error instanceof CountersignError))
    return `countersign: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`;
  return `countersign: ${error.message}\n${error.next === undefined ? '' : `  ${error.next}\n`}`;
}
