import { CountersignError, type ErrorCode } from '@countersign/client/tuf';
import type { Failure } from './wire.js';

/** The status of each refusal on the signer's own wire; a code without a row is the signer's fault. */
const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  malformed: 400,
  'invalid-name': 400,
  'too-many': 400,
  unauthorized: 401,
  policy: 403,
  'not-found': 404,
  'stale-version': 409,
  'endless-data': 413,
  'too-large': 413,
  unsupported: 415,
  'rate-limit': 429,
  unavailable: 503,
  'storage-full': 507,
};

export function statusOf(error: CountersignError): number {
  return STATUS[error.code] ?? 500;
}

/** What a client is told; causes stay in the log. */
export function failureOf({ code, message, detail }: CountersignError): Failure {
  const highest = code === 'stale-version' ? detail.current : undefined;
  return highest === undefined ? { code, message } : { code, message, highest };
}

export function ownError(cause: unknown): CountersignError {
  return cause instanceof CountersignError ? cause : new CountersignError('internal', 'the signer failed', { cause });
}
