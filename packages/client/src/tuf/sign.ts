import type { Crypto } from './crypto.js';
import type { BareKey, Format } from './formats/format.js';
import type { Signature } from './model.js';
import type { KeyId } from './names.js';

/** Whoever holds a private key: a file on disk, a token, a test. */
export interface KeySigner {
  readonly key: BareKey;
  /** 64 raw bytes for Ed25519, ASN.1 DER for ECDSA, plain octets for RSA. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** The file made of `signedBytes` and one signature of each signer, under the id `format` would list its key by. */
export async function signDocument(
  format: Format,
  crypto: Pick<Crypto, 'hash'>,
  signedBytes: Uint8Array,
  signers: readonly KeySigner[],
): Promise<Uint8Array> {
  return signAs(format, signedBytes, new Map(signers.map((signer) => [format.keyId(signer.key, crypto), signer])));
}

/** As `signDocument`, each signer under the id its key is listed by: a key object of another tool has another hash (K6). */
export async function signAs(
  format: Format,
  signedBytes: Uint8Array,
  signers: ReadonlyMap<KeyId, KeySigner>,
): Promise<Uint8Array> {
  const signatures: Signature[] = [];
  for (const [keyId, signer] of signers)
    signatures.push({ keyId, scheme: signer.key.scheme, value: await signer.sign(signedBytes) });
  return format.assemble(signedBytes, signatures);
}
