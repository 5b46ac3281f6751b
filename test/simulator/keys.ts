import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto';
import { canonical } from './documents.js';

export interface SimKey {
  readonly id: string;
  /** The key object as metadata lists it. */
  readonly json: Record<string, unknown>;
  /** Hex, over the UTF-8 bytes of `text`. */
  readonly sign: (text: string) => string;
}

export function newKey(type: 'ed25519' | 'ecdsa' | 'rsa' = 'ed25519'): SimKey {
  if (type === 'ecdsa') {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
    return simKey({ keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp256', keyval: { public: pem } }, (text) =>
      sign('sha256', Buffer.from(text), privateKey).toString('hex'),
    );
  }
  if (type === 'rsa') {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
    const pss = {
      key: privateKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    };
    return simKey({ keytype: 'rsa', scheme: 'rsassa-pss-sha256', keyval: { public: pem } }, (text) =>
      sign('sha256', Buffer.from(text), pss).toString('hex'),
    );
  }
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
  return simKey({ keytype: 'ed25519', scheme: 'ed25519', keyval: { public: raw } }, (text) =>
    sign(null, Buffer.from(text), privateKey).toString('hex'),
  );
}

function simKey(json: Record<string, unknown>, signText: SimKey['sign']): SimKey {
  return { id: sha256(canonical(json)), json, sign: signText };
}

/** The same private key as somebody else's tool lists it: `change` laid over the key object, and so another id. */
export function listedAs(key: SimKey, change: Record<string, unknown>): SimKey {
  return simKey({ ...key.json, ...change }, key.sign);
}

/** The same RSA key under another scheme, with signatures as before: what is good by one padding is not by another. */
export function underScheme(key: SimKey, scheme: string): SimKey {
  return listedAs(key, { scheme });
}

/** The same private key under another id: what K2 is about. */
export function relabelled(key: SimKey): SimKey {
  return listedAs(key, { 'x-note': 'the same key again' });
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
