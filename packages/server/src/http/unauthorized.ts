import { errorBody } from '@countersign/client/wire';
import type { Unauthorized } from '../auth/authorizer.js';

/** Notary's clients read no more of a refusal. */
const MAX_BODY = 1_024;

/** A refusal that clients of both kinds understand: Notary's list of one, beside our own error. */
export function unauthorizedBody(error: Unauthorized): object {
  const { type, name, actions } = error.access;
  const detail = actions.map((action) => ({ Type: type, Class: '', Name: name, Action: action }));
  const notary = { code: 'UNAUTHORIZED', message: 'authentication required' };
  const body = { errors: [{ ...notary, detail }], ...errorBody(error) };
  if (Buffer.byteLength(JSON.stringify(body)) < MAX_BODY) return body;
  return { ...body, errors: [notary] };
}
