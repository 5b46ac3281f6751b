import type { HashAlgorithm, PublicKey, Signature } from './model.js';

/** An incremental hash; `digest` ends it. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

/**
 * What the core needs of a runtime's cryptography. Implementations: node:crypto (`client/src/node/crypto.ts`) and WebCrypto
 * with kept libraries (`client/src/webcrypto.ts`).
 */
export interface Crypto {
  /** True only for a valid signature. A key or signature that cannot be used is false, never an exception. */
  verify(key: PublicKey, signature: Signature, bytes: Uint8Array): Promise<boolean>;
  hash(algorithm: HashAlgorithm): Hasher;
}

/** One-shot form of `Crypto.hash`. */
export function digest(crypto: Pick<Crypto, 'hash'>, algorithm: HashAlgorithm, bytes: Uint8Array): Uint8Array {
  const hasher = crypto.hash(algorithm);
  hasher.update(bytes);
  return hasher.digest();
}
