import { createRequire } from 'node:module';
import type * as cliProgress from 'cli-progress';
import type { CommandIo } from './io.js';
import { printable } from '../../http/printable.js';
import { size } from './output.js';

/** Bytes below which a transfer is over before a bar would help. */
const WORTH_A_BAR = 1_000_000;

/** A progress bar on a terminal, nothing elsewhere. `stop` on every path. */
export interface Progress {
  update(bytes: number, totalBytes: number): void;
  stop(): void;
}

export function progressBar(io: CommandIo, what: string): Progress {
  if (io.stderr.isTTY !== true) return { update: () => undefined, stop: () => undefined };
  let bar: cliProgress.SingleBar | undefined;
  return {
    update(bytes, totalBytes) {
      if (bar === undefined && totalBytes < WORTH_A_BAR) return;
      bar ??= begin(io, what, totalBytes);
      bar.update(bytes, { done: size(bytes) });
    },
    stop: () => bar?.stop(),
  };
}

function begin(io: CommandIo, what: string, total: number): cliProgress.SingleBar {
  // Loaded with the first bar: most runs show none.
  const { SingleBar } = createRequire(import.meta.url)('cli-progress') as typeof cliProgress;
  const bar = new SingleBar({
    stream: io.stderr,
    format: `${what} [{bar}] {percentage}%  {done} of ${size(total)}`,
    barCompleteChar: '#',
    barIncompleteChar: '.',
    barsize: 30,
    clearOnComplete: true,
    hideCursor: true,
    // Handled by the command, which stops the bar on its way out.
    gracefulExit: false,
  });
  bar.start(total, 0, { done: size(0) });
  return bar;
}

/** How many there are so far, on a terminal, where nobody knows how many there will be. `stop` on every path. */
export function counting(io: CommandIo, what: string): { readonly update: (done: number) => void; stop(): void } {
  if (io.stderr.isTTY !== true) return { update: () => undefined, stop: () => undefined };
  let shown = false;
  return {
    update(done) {
      shown = true;
      io.stderr.write(`\r${printable(what)}: ${done}`);
    },
    stop() {
      if (shown) io.stderr.write('\r\u001b[K');
    },
  };
}
