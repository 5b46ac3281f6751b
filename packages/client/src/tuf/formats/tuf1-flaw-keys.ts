import { pemEncode } from '../encoding.js';
import type { JsonObject } from '../json.js';
import type { KeyId } from '../names.js';
import type { KeyScheme, PublicKey } from '../model.js';
import { sourceOf } from './fields.js';

/** What every stock client verifies with: tuf-js has no other RSA scheme, go-tuf no P-521. */
const STOCK: ReadonlySet<KeyScheme> = new Set<KeyScheme>([
  'ed25519',
  'ecdsa-p256-sha256',
  'ecdsa-p384-sha384',
  'rsa-pss-sha256',
]);
const STOCK_NAMES = 'ed25519, ecdsa-sha2-nistp256, ecdsa-sha2-nistp384 and rsassa-pss-sha256';

const HEX_KEY = /^[0-9a-fA-F]{64}$/u;

/**
 * A listed key that some stock client cannot read. Whether any role uses it does not matter: python-tuf refuses the whole
 * document for one key of a kind it does not know, tuf-js for one whose `keyval` holds anything but texts.
 */
export function keysFlaw(keys: ReadonlyMap<KeyId, PublicKey>): string | undefined {
  for (const [id, key] of keys) {
    const source = sourceOf(key);
    const why = source === undefined ? undefined : keyFlaw(key, source);
    if (why !== undefined) return `key ${id.slice(0, 64)} ${why}`;
  }
  return undefined;
}

function keyFlaw({ scheme, spki }: PublicKey, source: JsonObject): string | undefined {
  const keyval = source.get('keyval');
  if (keyval?.kind !== 'object') return undefined;
  for (const { value } of keyval.members()) {
    if (value.kind !== 'string') return 'has a keyval with a member that is no text';
  }
  const [type, name] = [textAt(source, 'keytype'), textAt(source, 'scheme')];
  if (scheme === undefined) return `of type ${type} and scheme ${name} is none this server can use`;
  if (!STOCK.has(scheme)) return `has the scheme ${name}; stock clients verify ${STOCK_NAMES} alone`;
  const text = keyval.get('public');
  const written = text?.kind === 'string' ? text.value : '';
  if (scheme === 'ed25519') {
    return HEX_KEY.test(written) ? undefined : 'must be written in hexadecimal, as Ed25519 keys are';
  }
  return written.trimEnd() === pemEncode(spki).trimEnd()
    ? undefined
    : 'must be written as PEM, in lines of 64 characters';
}

function textAt(source: JsonObject, name: string): string {
  const view = source.get(name);
  return JSON.stringify(view?.kind === 'string' ? view.value.slice(0, 40) : '');
}
