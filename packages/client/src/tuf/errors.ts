/**
 * Every way Countersign refuses something, named after what was prevented (TUF specification §1.5.2) or after the plain
 * fault. The set is closed: `wire.ts` gives each code its HTTP status, and the command its exit code.
 */
export type ErrorCode =
  // attacks
  | 'rollback' // an older version of a role than one already trusted
  | 'freeze' // metadata that has expired
  | 'clock' // a clock that was set back, which would make it fresh again
  | 'mix-and-match' // a file that is not the one its parent names
  | 'endless-data' // more bytes than the limit allows
  | 'arbitrary-software' // a target whose length or hashes differ from the signed ones
  | 'threshold' // too few valid signatures by distinct keys
  | 'wrong-key' // a root that names an online key this server does not hold, or a key id that is not its key's hash
  // documents
  | 'malformed' // not JSON, not canonicalisable, or not what the specification describes
  | 'invalid-name' // a collection, role or target name outside the rules
  | 'too-many' // more entries, levels or signatures than the limit allows
  | 'lifetime' // an expiry further away than the server allows
  | 'delegation' // a role no delegation leads to, or one that a change would leave unverifiable
  // publishing
  | 'conflict' // somebody else published first
  | 'contradiction' // two people changed the same target differently
  | 'duplicate-role' // the same role twice in one upload
  | 'forbidden-role' // a role the server makes itself
  | 'missing-target' // metadata names a target file that was to be on the server and is not
  | 'bad-upload' // a request body that is not the multipart form it must be, or is cut short
  | 'too-large' // an upload over a size limit
  | 'unsupported' // a format, algorithm, media type or operation the server does not offer
  | 'rate-limit' // too many unused keys asked for
  // signer
  | 'policy' // the signer will not sign this
  | 'stale-version' // the signer has signed this version or a higher one already
  | 'unsealed' // a private key could not be opened (wrong passphrase, damaged file)
  | 'missing-key' // a private key that is needed to sign is not here
  // lookups and circumstances
  | 'not-found'
  | 'untrusted-root' // no trusted root, or not the pinned one
  | 'unavailable' // a service that is needed is down; try again
  | 'storage-full'
  | 'unauthorized'
  | 'network'
  | 'usage' // the caller asked for something that makes no sense
  | 'internal';

/** What an error is about, for programs; everything in it may be shown to anybody. */
export interface ErrorDetail {
  readonly role?: string;
  /** The version that was sent or found. */
  readonly version?: number;
  /** The version that is current or was expected. */
  readonly current?: number;
  readonly expires?: string;
  readonly target?: string;
  readonly limit?: number;
  readonly [name: string]: string | number | boolean | readonly string[] | undefined;
}

export interface ErrorOptions {
  readonly detail?: ErrorDetail;
  /** What the person should do next, one sentence. */
  readonly next?: string;
  readonly cause?: unknown;
}

/**
 * The one error class. `message` names the role, the versions or dates; `next` says what to do about it; `cause` is for
 * the log and never leaves the process.
 */
export class CountersignError extends Error {
  override readonly name = 'CountersignError';
  readonly code: ErrorCode;
  readonly detail: ErrorDetail;
  readonly next: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail ?? {};
    this.next = options.next;
  }
}

/** Whether `error` is ours and carries one of `codes`. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is CountersignError {
  return error instanceof CountersignError && codes.includes(error.code);
}
