import { formatNamed, type KeySigner, type PublicKey } from '@countersign/client/tuf';
import { nodeCrypto } from '@countersign/client/node';
import type { KeyRing } from '../../packages/client/src/publishing/key-ring.js';
import type { SimKey } from './keys.js';

const format = formatNamed('tuf-1');

/** A publisher's signer for a key of the tests. */
export function signerOf(key: SimKey): KeySigner {
  const { scheme, spki } = publicHalf(key);
  if (scheme === undefined) throw new Error('an unusable key');
  return {
    key: { scheme, spki },
    sign: (bytes) => Promise.resolve(Buffer.from(key.sign(Buffer.from(bytes).toString()), 'hex')),
  };
}

/** A person who holds these private keys, by whatever ids documents list them. */
export function ringOf(...keys: readonly SimKey[]): KeyRing {
  const find = (wanted: PublicKey): SimKey | undefined =>
    keys.find((key) => publicHalf(key).identity === wanted.identity);
  return {
    held: (wanted) => Promise.resolve(wanted.filter((key) => find(key) !== undefined)),
    open: (wanted) => Promise.resolve(wanted.map((key) => signerOf(find(key)!))),
  };
}

function publicHalf(key: SimKey): PublicKey {
  return format.parseKey(Buffer.from(JSON.stringify(key.json)), nodeCrypto);
}
