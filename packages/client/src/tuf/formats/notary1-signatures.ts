import { base64Encode } from '../encoding.js';
import { CountersignError } from '../errors.js';
import type { JsonTree, JsonView } from '../json.js';
import type { KeyScheme, Signature } from '../model.js';
import { parseKeyId } from '../names.js';
import { coordinateSize, ecdsaToDer, ecdsaToFixed, type Curve } from '../spki.js';
import { arrayAt, readFrom, sourceOf, textAt, tooMany } from './fields.js';
import { bytesAt, ifAny, members, structAt } from './notary1-fields.js';

const MEMBERS = members('keyid', 'method', 'sig');
const ED25519_BYTES = 64;

/** One way of signing (Notary v1, signatures). ECDSA hashes with SHA-256 on every curve. */
interface MethodRow {
  readonly method: string;
  readonly scheme: KeyScheme;
  /** The curve whose coordinates a signature is made of; its width tells it from the others. */
  readonly curve?: Curve;
  readonly bytes?: number;
}

const METHODS: readonly MethodRow[] = [
  { method: 'eddsa', scheme: 'ed25519', bytes: ED25519_BYTES },
  ecdsa('ecdsa-p256-sha256', 'P-256'),
  ecdsa('ecdsa-p384-sha256', 'P-384'),
  ecdsa('ecdsa-p521-sha256', 'P-521'),
  { method: 'rsapss', scheme: 'rsa-pss-sha256-salt32' },
  { method: 'rsapkcs1v15', scheme: 'rsa-pkcs1v15-sha256' },
];

function ecdsa(scheme: KeyScheme, curve: Curve): MethodRow {
  return { method: 'ecdsa', scheme, curve, bytes: 2 * coordinateSize(curve) };
}

/** Keys of ours whose scheme leaves the salt open are signed with by as many bytes of salt as the hash has. */
const SALTED: ReadonlyMap<KeyScheme, KeyScheme> = new Map([['rsa-pss-sha256', 'rsa-pss-sha256-salt32']]);

function methodOf(scheme: KeyScheme): MethodRow | undefined {
  const known = SALTED.get(scheme) ?? scheme;
  return METHODS.find((row) => row.scheme === known);
}

/**
 * The signatures of a file, all of them: unknown keys, unknown methods and repeated keys are normal, and count for nothing.
 * None at all is for the threshold to refuse. One that cannot be valid has an empty value.
 * @throws CountersignError `malformed`, `too-many`
 */
export function parseSignatures(view: JsonView | undefined, limit: number): readonly Signature[] {
  if (ifAny(view) === undefined) return [];
  const list = arrayAt(view, 'signatures').items();
  if (list.length > limit) tooMany('signatures', limit);
  return list.map((item): Signature => {
    const object = structAt(item, MEMBERS, 'a signature');
    const keyId = parseKeyId(textAt(object.get('keyid'), "a signature's keyid"));
    const method = ifAny(object.get('method'));
    const sig = ifAny(object.get('sig'));
    const name = method === undefined ? '' : textAt(method, "a signature's method").toLowerCase();
    const bytes = sig === undefined ? new Uint8Array(0) : bytesAt(sig, "a signature's sig");
    const row = METHODS.find((each) => each.method === name && (each.bytes ?? bytes.length) === bytes.length);
    if (row === undefined) return readFrom(object, { keyId, value: new Uint8Array(0) });
    return readFrom(object, { keyId, scheme: row.scheme, value: row.curve === undefined ? bytes : ecdsaToDer(bytes) });
  });
}

/** One entry of `signatures`; one that was received says what it said then. @throws CountersignError `unsupported` */
export function renderSignature(signature: Signature): JsonTree {
  const { keyId, scheme, value } = signature;
  const source = sourceOf(signature);
  if (source !== undefined) return { keyid: keyId, method: source.get('method') ?? '', sig: source.get('sig') ?? '' };
  const row = scheme === undefined ? undefined : methodOf(scheme);
  if (row === undefined) {
    throw new CountersignError('unsupported', `Notary has no method for signing by ${scheme ?? 'an unnamed scheme'}`, {
      detail: { key: keyId },
      next: 'Sign with Ed25519, ECDSA over SHA-256, or RSA over SHA-256.',
    });
  }
  const sig = row.curve === undefined ? value : ecdsaToFixed(value, coordinateSize(row.curve));
  return { keyid: keyId, method: row.method, sig: base64Encode(sig) };
}
