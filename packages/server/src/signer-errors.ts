import type { Failure } from '@countersign/signer/wire';
import { CountersignError, type ErrorCode } from '@countersign/client/tuf';

/** What the signer may decide that the server's callers can do something about. Every other failure is ours to fix. */
const PASSED_ON: readonly ErrorCode[] = [
  'policy',
  'stale-version',
  'rate-limit',
  'unavailable',
  'storage-full',
  'too-large',
  'too-many',
];

/** The error a signer's `Failure` stands for. `subject` says what was asked for, e.g. "the timestamp of app". */
export function failureError(body: unknown, subject: string): CountersignError {
  const { code, message, highest } = (body ?? {}) as Partial<Failure>;
  const why = `the signer refused ${subject}: ${typeof message === 'string' ? message.slice(0, 1_000) : 'no reason given'}`;
  const known = PASSED_ON.find((one) => one === code);
  if (known === 'stale-version' && Number.isSafeInteger(highest)) {
    return new CountersignError(known, why, { detail: { current: Number(highest) } });
  }
  if (known !== undefined && known !== 'stale-version') return new CountersignError(known, why, next(known));
  // The signer cannot open its keys: to a publisher, it is down.
  if (code === 'unsealed') return new CountersignError('unavailable', why, next('unavailable'));
  return new CountersignError('internal', why, { cause: body });
}

/** As `failureError`, where the one thing a signer does not find is the key. */
export function signingError(body: unknown, subject: string): CountersignError {
  const { code } = (body ?? {}) as Partial<Failure>;
  const error = failureError(body, subject);
  return code === 'not-found' ? new CountersignError('missing-key', error.message, { cause: error }) : error;
}

/** Whether a signer refused since it does not hold the key that was asked about. */
export function saysNotFound(error: unknown): boolean {
  if (!(error instanceof CountersignError)) return false;
  const { code } = (error.cause ?? {}) as Partial<Failure>;
  return code === 'not-found';
}

function next(code: ErrorCode): { readonly next?: string } {
  if (code === 'unavailable') return { next: 'Try again later; nothing was stored.' };
  if (code === 'too-large' || code === 'too-many')
    return { next: 'Have fewer roles; the limit is one of the signer. Nothing was stored.' };
  if (code !== 'rate-limit') return {};
  return {
    next: 'Try again in a minute; if that does not help, have "limits.unusedKeys" raised in the signer. Keys nobody uses are forgotten with time.',
  };
}

/** The signer, or whatever is at its address, answered something that is not in its interface. */
export function nonsense(expected: string): CountersignError {
  return new CountersignError('unavailable', `the signer's answer holds no ${expected.replace(/^an? /u, '')}`, {
    next: 'Check signer.url, and that signer and server are of the same version.',
  });
}
