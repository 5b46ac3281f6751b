import { composeTargets, publicKeyOf } from '../tuf/compose.js';
import type { Crypto } from '../tuf/crypto.js';
import { base64Decode, base64Encode, utf8Decode, utf8Encode } from '../tuf/encoding.js';
import type { Envelope } from '../tuf/envelope.js';
import { CountersignError } from '../tuf/errors.js';
import type { Format } from '../tuf/formats/format.js';
import type { PublicKey, Role, Targets } from '../tuf/model.js';
import { parseSaneRoleName, parseVersion, type Gun, type Instant, type RoleName } from '../tuf/names.js';
import { signDocument, type KeySigner } from '../tuf/sign.js';
import { verifyRole } from '../tuf/verify.js';

const KIND = 'countersign-delegation-request';
/** Bytes; a request with one key has about 1,000. */
export const MAX_REQUEST = 256 * 1024;
const MAX_KEYS = 64;

/** A checked request: the role signed itself with the keys it names. */
export interface DelegationRequest {
  readonly gun: string;
  readonly role: Role;
  readonly keys: readonly PublicKey[];
  readonly signed: Envelope<Targets>;
}

/**
 * The file a delegatee sends to a delegator: the role's public key and its first, empty version, signed. Nothing in it is
 * secret; that it comes from the right person must be known by other means.
 * @param follows the version of that name the collection has had already, 0 if none: versions never go back
 */
export async function writeDelegationRequest(
  context: { readonly format: Format; readonly crypto: Crypto },
  request: { readonly gun: Gun; readonly role: RoleName; readonly expires: Instant; readonly follows: number },
  signer: KeySigner,
): Promise<string> {
  const { format, crypto } = context;
  const empty = {
    version: parseVersion(request.follows + 1),
    expires: request.expires,
    targets: new Map(),
    delegations: undefined,
  };
  const bytes = request.follows === 0 ? composeTargets(format, {}, request.expires) : format.renderTargets(empty);
  const file = {
    kind: KIND,
    version: 1,
    collection: request.gun,
    role: request.role,
    threshold: 1,
    keys: [JSON.parse(utf8Decode(format.renderKey(signer.key))) as unknown],
    signed: base64Encode(await signDocument(format, crypto, bytes, [signer])),
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/**
 * Reads a request and checks that it is for this collection and role, empty, and signed by its own keys.
 * @throws CountersignError `malformed`, `invalid-name`, `delegation`, `threshold`
 */
export async function readDelegationRequest(
  context: { readonly format: Format; readonly crypto: Crypto },
  text: string,
  wanted: { readonly gun: Gun; readonly role: RoleName },
): Promise<DelegationRequest> {
  const { format, crypto } = context;
  const file = parseFile(text);
  const name = parseSaneRoleName(file.role);
  if (file.collection !== wanted.gun || name !== wanted.role) {
    throw new CountersignError(
      'delegation',
      `the request is for ${name} in ${file.collection}, not for ${wanted.role} in ${wanted.gun}`,
      {
        next: 'Use the file that was made for this role.',
      },
    );
  }
  const keys = file.keys.map((key) => publicKeyIn(format, key, crypto));
  const role: Role = { name, keyIds: keys.map((key) => key.id), threshold: file.threshold };
  const signed = format.parseTargets(file.signed);
  if (signed.signed.targets.size > 0 || signed.signed.delegations !== undefined)
    throw malformed('its role is not empty');
  await verifyRole(role, new Map(keys.map((key) => [key.id, key])), signed, crypto, 'the request itself');
  return { gun: file.collection, role, keys, signed };
}

function publicKeyIn(format: Format, key: unknown, crypto: Crypto): PublicKey {
  const { scheme, spki } = format.parseKey(utf8Encode(JSON.stringify(key)), crypto);
  if (scheme === undefined) throw malformed('it names a key of a kind this version does not know');
  // Listed as we would list it, whatever unknown members the request gave it.
  return publicKeyOf(format, { scheme, spki }, crypto);
}

interface RequestFile {
  readonly collection: string;
  readonly role: string;
  readonly threshold: number;
  readonly keys: readonly unknown[];
  readonly signed: Uint8Array;
}

function parseFile(text: string): RequestFile {
  if (text.length > MAX_REQUEST) throw malformed(`it is longer than ${MAX_REQUEST} bytes`);
  let value: Partial<Record<string, unknown>>;
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null) throw malformed('it is not a JSON object');
    value = { ...parsed };
  } catch (error) {
    throw error instanceof CountersignError ? error : malformed('it is not JSON', error);
  }
  const { kind, version, collection, role, threshold, keys, signed } = value;
  if (kind !== KIND || version !== 1) throw malformed('it is not a delegation request of version 1');
  if (typeof collection !== 'string' || typeof role !== 'string') throw malformed('it names no collection or role');
  if (typeof threshold !== 'number' || !Number.isSafeInteger(threshold) || threshold < 1)
    throw malformed('its threshold is no number');
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_KEYS)
    throw malformed('it has no keys, or too many');
  const raw = typeof signed === 'string' ? base64Decode(signed) : undefined;
  if (raw === undefined) throw malformed('it holds no signed role');
  return { collection, role, threshold, keys: keys as readonly unknown[], signed: raw };
}

function malformed(why: string, cause?: unknown): CountersignError {
  return new CountersignError('malformed', `this is no delegation request: ${why}`, {
    next: 'Ask for a file made with `countersign delegation request`.',
    ...(cause === undefined ? {} : { cause }),
  });
}
