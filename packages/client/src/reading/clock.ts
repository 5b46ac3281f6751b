import { CountersignError, hasCode } from '../tuf/errors.js';
import { formatInstant, instant, type Instant } from '../tuf/names.js';

/** How far two clocks may differ before that is worth telling; milliseconds. */
const WORTH_TELLING = 60 * 60 * 1000;

/**
 * A clock that was set back makes metadata fresh again that had expired. The last successful refresh is a floor for it.
 * @throws CountersignError `clock`
 */
export function checkClock(refreshedAt: Instant | undefined, now: Instant, toleranceSeconds: number | undefined): void {
  if (toleranceSeconds === undefined || refreshedAt === undefined) return;
  if (now >= refreshedAt - toleranceSeconds * 1000) return;
  throw new CountersignError(
    'clock',
    `this machine's clock says ${formatInstant(now)}, before the last refresh at ${formatInstant(refreshedAt)}`,
    {
      detail: { now: formatInstant(now), refreshed: formatInstant(refreshedAt) },
      next: "Set this machine's clock right; if it was wrong at the last refresh, remove the saved notes of this collection.",
    },
  );
}

/** What has expired by a clock that may be wrong is told so; the server's own clock is a hint, and proves nothing. */
export function explainClock(error: unknown, now: Instant, server: number | undefined): unknown {
  if (!hasCode(error, 'freeze') || server === undefined || server < 0) return error;
  if (Math.abs(now - server) < WORTH_TELLING) return error;
  const { code, message, detail, cause } = error;
  return new CountersignError(code, message, {
    detail: { ...detail, now: formatInstant(now), server: formatInstant(instant(server)) },
    next: `This machine's clock says ${formatInstant(now)}, the server's ${formatInstant(instant(server))}: set this one right if it is wrong.`,
    cause,
  });
}
