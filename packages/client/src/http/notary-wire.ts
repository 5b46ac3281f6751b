import { CountersignError, type ErrorCode } from '../tuf/errors.js';

/**
 * The refusals of the Notary v1 protocol, in both directions: the server writes them, the client reads them. Its clients act
 * on the status and the code alone, and show a message only from a 400 whose body is under 1 KiB, holds exactly one error
 * and names one of five causes.
 */
export interface NotaryRefusal {
  readonly status: number;
  readonly body: NotaryErrorBody;
}

export interface NotaryErrorBody {
  readonly errors: readonly [NotaryError];
}

export interface NotaryError {
  readonly code: NotaryCode;
  readonly message: string;
  readonly detail?: unknown;
}

type NotaryCode = keyof typeof MESSAGES;

const MESSAGES = {
  METADATA_NOT_FOUND: 'You have requested metadata that does not exist.',
  INVALID_ROLE: 'The role you are attempting to operate on is invalid.',
  MALFORMED_UPLOAD: 'The body of your request is malformed.',
  INVALID_UPDATE: 'Update sent by the client is invalid.',
  VERSION: 'A newer version of metadata is already available.',
  INVALID_GUN: 'The server does not support actions on images of this name.',
  INVALID_PARAMETERS: 'The parameters provided are not valid.',
  UNAUTHORIZED: 'authentication required',
  UNKNOWN: 'unknown error',
} as const;

/** What clients read of an answer that is not a success, in bytes. */
const READ_BY_CLIENTS = 1024;

/** Room left for the frame around a message, in bytes of JSON. */
const MESSAGE_BYTES = 600;

/** The cause clients name to the person, by the role an upload failed on. */
type Cause = 'ErrValidation' | 'ErrBadHierarchy' | 'ErrBadRoot' | 'ErrBadTargets' | 'ErrBadSnapshot';

/** `error` as Notary's clients expect it. `during` tells a publish, whose every refusal is a 400. */
export function notaryRefusal(error: CountersignError, during: 'publish' | 'other'): NotaryRefusal {
  const { status, error: told } = during === 'publish' ? refusedPublish(error) : refused(error);
  return { status, body: { errors: [told] } };
}

interface Told {
  readonly status: number;
  readonly error: NotaryError;
}

function told(status: number, code: NotaryCode, detail?: unknown): Told {
  return { status, error: { code, message: MESSAGES[code], ...(detail === undefined ? {} : { detail }) } };
}

function refused(error: CountersignError): Told {
  if (error.detail['prefixes'] !== undefined) return foreignGun(error);
  switch (error.code) {
    case 'not-found':
    case 'invalid-name':
      return told(404, 'METADATA_NOT_FOUND', {});
    case 'usage':
      return told(400, 'INVALID_PARAMETERS', clip(error.message));
    case 'rate-limit':
      return told(429, 'UNKNOWN', clip(sentence(error)));
    case 'unavailable':
      return told(503, 'UNKNOWN', clip(sentence(error)));
    case 'storage-full':
      return told(507, 'UNKNOWN', clip(sentence(error)));
    default:
      return told(500, 'UNKNOWN', {});
  }
}

function refusedPublish(error: CountersignError): Told {
  if (error.detail['prefixes'] !== undefined) return foreignGun(error);
  switch (error.code) {
    case 'conflict':
      return isGap(error) ? invalidUpdate(error) : told(400, 'VERSION', {});
    case 'bad-upload':
      return malformedUpload(error);
    case 'unsupported':
      // Of a role: a key or an algorithm; of none: the upload's media type.
      return error.detail.role === undefined ? malformedUpload(error) : invalidUpdate(error);
    case 'invalid-name':
      return error.detail.target === undefined ? told(400, 'INVALID_ROLE', clip(error.message)) : invalidUpdate(error);
    case 'rate-limit':
    case 'unavailable':
    case 'storage-full':
    case 'internal':
      return refused(error);
    default:
      return invalidUpdate(error);
  }
}

/** A collection that is none of the server's. */
function foreignGun({ detail }: CountersignError): Told {
  const prefixes = Array.isArray(detail['prefixes']) ? detail['prefixes'].join(' ') : '';
  return told(400, 'INVALID_GUN', clip(`Require GUNs with prefix: [${prefixes}]`));
}

function malformedUpload(error: CountersignError): Told {
  return told(400, 'MALFORMED_UPLOAD', clip(sentence(error)));
}

function invalidUpdate(error: CountersignError): Told {
  return told(400, 'INVALID_UPDATE', explained(causeOf(error), error));
}

/** A root further ahead than the next one has lost no race: it is no version conflict, and trying again does not help. */
function isGap({ detail }: CountersignError): boolean {
  return detail.role === 'root' && (detail.version ?? 0) > (detail.current ?? 0) + 1;
}

function causeOf({ code, detail }: CountersignError): Cause {
  if (code === 'not-found' || code === 'duplicate-role' || code === 'forbidden-role') return 'ErrValidation';
  // The snapshot names another file than the one that was sent.
  if (code === 'mix-and-match') return 'ErrBadSnapshot';
  if (detail.role === 'root' || detail.role === 'timestamp') return 'ErrBadRoot';
  if (detail.role === 'snapshot') return code === 'wrong-key' ? 'ErrBadHierarchy' : 'ErrBadSnapshot';
  return detail.role === undefined ? 'ErrValidation' : 'ErrBadTargets';
}

function explained(cause: Cause, error: CountersignError): object {
  const { code, detail } = error;
  // What people search for when they see it, before what we know more.
  const known = code === 'threshold' ? `valid signatures did not meet threshold for ${detail.role ?? 'a role'}: ` : '';
  const reason = clip(known + sentence(error));
  return {
    Name: cause,
    Error: cause === 'ErrBadHierarchy' ? { Missing: 'snapshot', Msg: reason } : { Msg: reason },
  };
}

function sentence({ message, next }: CountersignError): string {
  return next === undefined ? message : `${message}. ${next}`;
}

/** So much of a text that its JSON stays within what clients read. */
function clip(text: string): string {
  let clipped = text;
  while (new TextEncoder().encode(JSON.stringify(clipped)).length > MESSAGE_BYTES)
    clipped = `${clipped.slice(0, Math.floor(clipped.length * 0.9) - 1)}…`;
  // A cut may have gone through a pair.
  return clipped.toWellFormed();
}

const CODES: Readonly<Record<NotaryCode, ErrorCode>> = {
  METADATA_NOT_FOUND: 'not-found',
  INVALID_ROLE: 'invalid-name',
  MALFORMED_UPLOAD: 'bad-upload',
  INVALID_UPDATE: 'malformed',
  VERSION: 'conflict',
  INVALID_GUN: 'invalid-name',
  INVALID_PARAMETERS: 'usage',
  UNAUTHORIZED: 'unauthorized',
  UNKNOWN: 'unavailable',
};

/** The error that a Notary v1 server's refusal stands for; undefined where `body` is none. Never throws. */
export function readNotaryError(body: unknown): CountersignError | undefined {
  const [first] = members(body, 'errors');
  if (typeof first !== 'object' || first === null) return undefined;
  const { code, message, detail } = first as Readonly<Record<string, unknown>>;
  if (typeof code !== 'string' || !Object.hasOwn(CODES, code) || typeof message !== 'string') return undefined;
  const reason = reasonIn(detail);
  return new CountersignError(CODES[code as NotaryCode], reason ?? message);
}

function members(value: unknown, name: string): readonly unknown[] {
  const list = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : [];
  return Array.isArray(list) ? list : [];
}

function reasonIn(detail: unknown): string | undefined {
  if (typeof detail === 'string' && detail !== '') return detail;
  const error =
    typeof detail === 'object' && detail !== null ? (detail as { readonly Error?: unknown }).Error : undefined;
  const message = typeof error === 'object' && error !== null ? (error as { readonly Msg?: unknown }).Msg : undefined;
  return typeof message === 'string' ? message.slice(0, READ_BY_CLIENTS) : undefined;
}
