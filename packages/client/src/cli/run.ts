import { EXIT } from './terminal/exit-codes.js';
import { main } from './main.js';

/** The command as a process: the only place that knows it is one. Ctrl-C lets what is under way clean up after itself. */
export async function run(): Promise<void> {
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort());
  process.once('SIGTERM', () => interrupt.abort());
  // Should nothing be left to wait for before the command has ended, that is no success.
  let code: number = EXIT.internal;
  // Set at the end alone: commander takes what is set before for the code of the help it prints.
  process.once('exit', () => (process.exitCode = code));
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // A reader that has seen enough, as `head`, is no fault, and no reason to leave the work half done.
      if (error.code === 'EPIPE') return;
      code = EXIT.internal;
      process.exit();
    });
  const { env, stdin, stdout, stderr, pid } = process;
  code = await main(process.argv.slice(2), { env, stdin, stdout, stderr, pid, signal: interrupt.signal });
}
