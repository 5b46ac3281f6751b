import nacl from 'tweetnacl';
import { parseSpki } from './tuf/spki.js';

/** The order of the group, little-endian. */
const ORDER = Uint8Array.from(
  'edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010'.match(/../gu) ?? [],
  (octet) => Number.parseInt(octet, 16),
);

/**
 * Ed25519 for runtimes whose WebCrypto lacks it. Slow (milliseconds), and true for exactly what the fast ones accept.
 * @throws CountersignError `malformed` where `spki` is no key
 */
export function verifyEd25519InScript(spki: Uint8Array, signature: Uint8Array, bytes: Uint8Array): boolean {
  const info = parseSpki(spki);
  if (info.kind !== 'ed25519' || signature.length !== nacl.sign.signatureLength) return false;
  // tweetnacl takes S + order as well, a second spelling of the same signature that RFC 8032 §5.1.7 refuses.
  return isBelowOrder(signature.subarray(32)) && nacl.sign.detached.verify(bytes, signature, info.raw);
}

function isBelowOrder(scalar: Uint8Array): boolean {
  for (let i = 31; i >= 0; i -= 1) {
    const difference = (scalar[i] ?? 0) - (ORDER[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
