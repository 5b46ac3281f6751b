import type { Log } from './log.js';

export interface Job {
  readonly name: string;
  /** Milliseconds between the end of one run and the start of the next, give or take a fifth. */
  readonly every: number;
  run(): Promise<unknown>;
}

/**
 * Runs `job` again and again, never twice at once, each time after a slightly different wait so that replicas started together
 * do not stay in step. A failure is logged and the job goes on.
 * @param random what `Math.random` gives
 */
export function repeat(
  job: Job,
  { log, random }: { readonly log: Log; readonly random: () => number },
): { stop(): Promise<void> } {
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout;
  const schedule = (wait: number): void => {
    timer = setTimeout(() => {
      running = runOnce(job, log).then(() => {
        if (!stopped) schedule(job.every * (0.8 + 0.4 * random()));
      });
    }, wait);
  };
  // Soon after the start too: a server that was down for long has much to renew.
  schedule(job.every * 0.2 * random());
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      return running;
    },
  };
}

async function runOnce(job: Job, log: Log): Promise<void> {
  try {
    log.debug({ job: job.name, result: await job.run() }, 'job done');
  } catch (error) {
    log.error({ job: job.name, err: error }, 'job failed');
  }
}
