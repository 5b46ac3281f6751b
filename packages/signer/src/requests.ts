import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { CountersignError, NAME_LIMITS } from '@countersign/client/tuf';
import type { CreateKey, SignRequest } from './wire.js';

const gun = { type: 'string', minLength: 1, maxLength: NAME_LIMITS.gun };
const role = { enum: ['timestamp', 'snapshot'] };
const keyId = { type: 'string', pattern: '^[0-9a-f]{64}$' };
const format = { enum: ['tuf-1', 'notary-1'] };
const base64 = { type: 'string', pattern: '^[A-Za-z0-9+/]*={0,2}$' };

const CREATE_KEY = {
  type: 'object',
  additionalProperties: false,
  required: ['gun', 'role', 'algorithm'],
  properties: { gun, role, algorithm: { enum: ['ed25519', 'ecdsa-p256-sha256'] } },
};

const SIGN_ITEM = {
  type: 'object',
  additionalProperties: false,
  required: ['keyId', 'gun', 'role', 'format', 'payload'],
  properties: {
    keyId,
    gun,
    role,
    format,
    payload: base64,
    follows: base64,
  },
};

const PUBLISHED_ITEM = {
  type: 'object',
  additionalProperties: false,
  required: ['keyId', 'gun', 'format', 'file'],
  properties: { keyId, gun, format, file: base64 },
};

const ajv = new Ajv();
const createKey = ajv.compile<CreateKey>(CREATE_KEY);
const signRequest = ajv.compile<SignRequest>({
  type: 'object',
  additionalProperties: false,
  required: ['items'],
  properties: {
    items: { type: 'array', minItems: 1, items: SIGN_ITEM },
    published: { type: 'array', items: PUBLISHED_ITEM },
  },
});

/** @throws CountersignError `malformed` */
export function parseCreateKey(body: Uint8Array): CreateKey {
  return checked(createKey, body);
}

/** @throws CountersignError `malformed`, or `too-many` for more than `mostItems` payloads */
export function parseSignRequest(body: Uint8Array, mostItems: number): SignRequest {
  const request = checked(signRequest, body);
  const most = Math.max(request.items.length, request.published?.length ?? 0);
  if (most > mostItems) {
    throw new CountersignError('too-many', `${most} payloads in one request`, {
      detail: { limit: mostItems },
    });
  }
  return request;
}

function checked<T>(validate: ValidateFunction<T>, body: Uint8Array): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new CountersignError('malformed', 'the request body is not JSON', { cause });
  }
  if (validate(value)) return value;
  throw new CountersignError('malformed', `the request body: ${(validate.errors ?? []).map(explain).join('; ')}`);
}

/** Where and what, never the value: a payload has no business in an error. */
function explain({ instancePath, message }: ErrorObject): string {
  return `${instancePath === '' ? 'it' : instancePath} ${message ?? 'is wrong'}`;
}
