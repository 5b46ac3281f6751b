import { expiry } from '../../publishing/lifetimes.js';
import type { NewKeyType, PrivateKey } from '../../node/private-key.js';
import { publicKeyOf } from '../../tuf/compose.js';
import { CountersignError } from '../../tuf/errors.js';
import type { Format, Rules } from '../../tuf/formats/format.js';
import { instant, type Gun, type KeyId } from '../../tuf/names.js';
import type { KeySigner } from '../../tuf/sign.js';
import { short } from '../terminal/output.js';
import type { Session } from '../session.js';

const KEY_TYPES: Readonly<Record<Rules['publisherKeys'], NewKeyType>> = {
  ed25519: 'ed25519',
  'ecdsa-p256-sha256': 'ecdsa-p256',
};

/** The kind of key to make for a collection of `format`. */
export function newKeyType(format: Format): NewKeyType {
  return KEY_TYPES[format.rules.publisherKeys];
}

/** A key of this person as it signs in `format`. @throws CountersignError `unsealed`; `unsupported` where it cannot */
export async function signerOf(session: Session, format: Format, id: KeyId): Promise<KeySigner> {
  return signingIn(session, format, await session.openKey(id));
}

/** As `signerOf`, for the root role: certified for the collection where the format has it so. */
export async function rootSignerOf(session: Session, format: Format, gun: Gun, id: KeyId): Promise<KeySigner> {
  if (format.rules.rootKeys === 'bare') return signerOf(session, format, id);
  const now = instant(session.now);
  const certificate = { gun, notBefore: now, notAfter: expiry(now, format.rules.lifetimes.root) };
  const key = await session.passphrases.unlock(`key ${short(id)}`, (passphrase) =>
    session.keys.loadCertified(id, passphrase, certificate),
  );
  return signingIn(session, format, key);
}

function signingIn({ crypto }: Session, format: Format, key: PrivateKey): KeySigner {
  const { scheme } = publicKeyOf(format, key.key, crypto);
  if (scheme !== undefined) return key.by(scheme);
  throw new CountersignError('unsupported', `collections of the format ${format.name} take no such key`, {
    next: 'Use another: `countersign key generate`.',
  });
}
