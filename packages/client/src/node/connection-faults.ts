import { CountersignError, type ErrorCode } from '../tuf/errors.js';
import { errorCode } from './atomic-file.js';

interface Fault {
  readonly code: ErrorCode;
  readonly what: string;
  readonly next: string;
}

const PASS_CA = 'Pass --ca FILE or set COUNTERSIGN_CA to the certificate of its authority, if you trust it.';
const unknownAuthority: Fault = {
  code: 'network',
  what: 'has a certificate by an authority that is not trusted here',
  next: PASS_CA,
};
const noSuchHost: Fault = { code: 'network', what: 'is not a known host', next: "Check the server's name and DNS." };
const timedOut: Fault = {
  code: 'unavailable',
  what: 'does not answer in time',
  next: 'Check that the server is running and that no firewall is in between, then try again.',
};
const dropped: Fault = { code: 'unavailable', what: 'dropped the connection', next: 'Try again.' };
const unreachable: Fault = {
  code: 'network',
  what: 'cannot be reached from here',
  next: "Check this machine's network connection.",
};
const wrongProtocol: Fault = {
  code: 'network',
  what: 'does not speak TLS there',
  next: 'Check the port, or use http:// if that is what the server offers.',
};

/** Codes of Node and OpenSSL, and what they mean to a person. */
const FAULTS: ReadonlyMap<string, Fault> = new Map([
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', unknownAuthority],
  ['UNABLE_TO_GET_ISSUER_CERT', unknownAuthority],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', unknownAuthority],
  ['SELF_SIGNED_CERT_IN_CHAIN', unknownAuthority],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', unknownAuthority],
  ['CERT_SIGNATURE_FAILURE', unknownAuthority],
  [
    'CERT_HAS_EXPIRED',
    {
      code: 'network',
      what: 'has a certificate that has expired',
      next: "Ask whoever runs the server to renew it; check this machine's clock.",
    },
  ],
  [
    'CERT_NOT_YET_VALID',
    { code: 'network', what: 'has a certificate that is not valid yet', next: "Check this machine's clock." },
  ],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    {
      code: 'network',
      what: 'has a certificate for another name',
      next: 'Use the name the certificate was made for, or have a new one made.',
    },
  ],
  ['ERR_SSL_WRONG_VERSION_NUMBER', wrongProtocol],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', wrongProtocol],
  ['ENOTFOUND', noSuchHost],
  ['EAI_AGAIN', { ...noSuchHost, what: 'cannot be looked up: the name server does not answer' }],
  [
    'ECONNREFUSED',
    {
      code: 'unavailable',
      what: 'refuses the connection',
      next: 'Start the server, or check the address and port in --server or COUNTERSIGN_SERVER.',
    },
  ],
  ['ECONNRESET', dropped],
  ['EPIPE', dropped],
  ['ETIMEDOUT', timedOut],
  ['EHOSTUNREACH', unreachable],
  ['ENETUNREACH', unreachable],
]);

/** What a failed request means. Errors of ours and aborts pass unchanged: whoever aborted knows why. */
export function connectionFault(url: string, error: unknown): unknown {
  if (error instanceof CountersignError) return error;
  const { host } = new URL(url);
  for (const code of codes(error)) {
    const fault = FAULTS.get(code);
    if (fault === undefined) continue;
    const { what, next } = fault;
    return new CountersignError(fault.code, `${host} ${what}`, { detail: { host, reason: code }, next, cause: error });
  }
  return error;
}

/** The codes of an error and of what caused it: several where several addresses were tried. */
function* codes(error: unknown, depth = 0): Generator<string> {
  if (depth > 5 || typeof error !== 'object' || error === null) return;
  const code = errorCode(error);
  if (code !== undefined) yield code;
  if (code === 'EPROTO' && error instanceof Error) yield* openSslCode(error.message);
  if ('cause' in error) yield* codes(error.cause, depth + 1);
  if (error instanceof AggregateError) for (const each of error.errors) yield* codes(each, depth + 1);
}

/** A TLS failure met while writing: what would be its code otherwise is in the text of OpenSSL alone. */
function* openSslCode(text: string): Generator<string> {
  const reason = /:SSL routines:[^:]*:([^:]+):/u.exec(text)?.[1];
  if (reason !== undefined) yield `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`;
}
