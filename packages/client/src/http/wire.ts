import { readNotaryError } from './notary-wire.js';
import { CountersignError, type ErrorCode, type ErrorDetail } from '../tuf/errors.js';

/**
 * The one table of HTTP statuses (design §6): the server writes with it, the client reads with it. A code without a row
 * here never crosses the wire.
 */
export const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  rollback: 400,
  freeze: 400,
  'mix-and-match': 400,
  'endless-data': 413,
  'arbitrary-software': 422,
  threshold: 400,
  'wrong-key': 400,
  malformed: 400,
  'invalid-name': 400,
  'too-many': 400,
  lifetime: 400,
  delegation: 400,
  conflict: 409,
  'duplicate-role': 400,
  'forbidden-role': 400,
  'missing-target': 409,
  'bad-upload': 400,
  'too-large': 413,
  unsupported: 415,
  'rate-limit': 429,
  policy: 403,
  'stale-version': 409,
  'not-found': 404,
  unauthorized: 401,
  usage: 400,
  unavailable: 503,
  'storage-full': 507,
  internal: 500,
};

/** On every answer about a collection's metadata: updates can be had in one request (`updates.ts`), in this way. */
export const UPDATES_HEADER = 'x-countersign-updates';
export const UPDATES_WAY = '1';

/** The body of every refusal in the TUF 1.0 wire. */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly next?: string;
    readonly detail?: ErrorDetail;
  };
}

/** The answer to an accepted publish. */
export interface PublishedBody {
  readonly gun: string;
  /** Version of every role the publish made current, by role name. */
  readonly versions: Readonly<Record<string, number>>;
  /** When the new timestamp stops being valid: RFC 3339, UTC, whole seconds. */
  readonly timestampExpires: string;
  /** The same bytes had been published before; nothing was written. */
  readonly repeated: boolean;
}

/** A file of another server's collection, and what is wrong with it. */
export interface FlawedBody {
  readonly role: string;
  readonly version?: number;
  readonly why: string;
}

/** The answer to a collection that was imported. */
export interface ImportedBody {
  readonly gun: string;
  /** Version of every current role, by role name. */
  readonly versions: Readonly<Record<string, number>>;
  readonly state: 'signed-here' | 'mirror';
  /** When the current timestamp stops being valid: RFC 3339, UTC, whole seconds. */
  readonly timestampExpires: string;
  readonly flawed: readonly FlawedBody[];
  /** All of it was there before; nothing was written. */
  readonly repeated: boolean;
}

/** The answer to earlier versions that were imported. */
export interface PastBody {
  readonly added: number;
  readonly refused: readonly FlawedBody[];
}

/** The answer to an uploaded target file. */
export interface UploadedTargetBody {
  /** Bytes. */
  readonly length: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export function statusOf(code: ErrorCode): number {
  return STATUS[code] ?? 500;
}

export function errorBody(error: CountersignError): ErrorBody {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.next === undefined ? {} : { next: error.next }),
      ...(Object.keys(error.detail).length === 0 ? {} : { detail: error.detail }),
    },
  };
}

/** The error a refusal's body stands for; a body that is not ours becomes `network` (or what its status says). Never throws. */
export function readError(status: number, body: string): CountersignError {
  return ourError(body) ?? foreignError(status, body);
}

function ourError(body: string): CountersignError | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  const { code, message, next, detail } = memberObject(parsed, 'error');
  if (typeof code !== 'string' || !isErrorCode(code) || typeof message !== 'string') return readNotaryError(parsed);
  return new CountersignError(code, message, {
    ...(typeof next === 'string' ? { next } : {}),
    ...(isPlainObject(detail) ? { detail: detail as ErrorDetail } : {}),
  });
}

/** Own members only: `constructor` is no code. */
function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(STATUS, code);
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function memberObject(value: unknown, name: string): Readonly<Record<string, unknown>> {
  const member = isPlainObject(value) ? value[name] : undefined;
  return isPlainObject(member) ? member : {};
}

function foreignError(status: number, body: string): CountersignError {
  const page = body.trimStart().startsWith('<') ? ' with a web page, not a trust server' : '';
  return new CountersignError(codeOfStatus(status), `the server answered ${status}${page}`);
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 404) return 'not-found';
  if (status === 401 || status === 403) return 'unauthorized';
  return status >= 500 ? 'unavailable' : 'network';
}
