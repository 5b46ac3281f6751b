import { EXIT } from './terminal/exit-codes.js';
import { main } from './main.js';

/** The command as a process: the only place that knows it is one. Ctrl-C lets what is under way clean up after itself. */
export async function run(): Promise<void> {
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort());
  process.once('SIGTERM', () => interrupt.abort());
  // A reader that has seen enough, as `head`, is no fault.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  // Should nothing be left to wait for before the command has ended, that is no success.
  process.exitCode = EXIT.internal;
  const { env, stdin, stdout, stderr, pid } = process;
  process.exitCode = await main(process.argv.slice(2), { env, stdin, stdout, stderr, pid, signal: interrupt.signal });
}
