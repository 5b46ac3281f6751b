import type { PublicKey, Role, Root } from '../model.js';
import { ROOT, type Gun, type Instant } from '../names.js';
import { parseSpki } from '../spki.js';
import { parseCertificate, type Certificate } from '../x509.js';
import { fits, ifReadable } from './key-material.js';

const DAY = 86_400_000;

/** When a root's certificates are to be valid: now where it is `new`, at any time where it was trusted before. */
interface Context {
  readonly gun: Gun | undefined;
  readonly now: Instant;
  readonly as: 'new' | 'previous';
}

/** What holds of a certificate whenever it is looked at: a window of time, and no signature over a broken hash. */
export function isSound(certificate: Certificate): boolean {
  return certificate.stronglySigned && certificate.notBefore <= certificate.notAfter;
}

/**
 * The root role with those of its keys that may count (Notary v1, keys): certificates alone, made for this collection. One
 * of a new root is valid now, and so are the CA certificates listed with it; of a previous root any may have expired.
 */
export function countingKeys(root: Root, context: Context): Role {
  const role = root.roles.root;
  const keyIds = role.keyIds.filter((id) => mayCount(root.keys.get(id), context));
  return { name: ROOT, keyIds, threshold: role.threshold };
}

function mayCount(key: PublicKey | undefined, { gun, now, as }: Context): boolean {
  if (key?.scheme === undefined || key.certificates === undefined || gun === undefined) return false;
  const [leaf, ...others] = key.certificates.map(parseCertificate);
  if (leaf === undefined || leaf.isCa || !others.every((other) => other.isCa)) return false;
  if (!isFor(leaf.commonName, gun)) return false;
  return (
    as === 'previous' || [leaf, ...others].every((each) => isSound(each) && hasStrongKey(each) && isValid(each, now))
  );
}

/** The name is the collection's, or a prefix of it with `*` behind: one certificate may serve all below `example.com/*`. */
function isFor(commonName: string | undefined, gun: Gun): boolean {
  if (commonName?.endsWith('*') !== true) return commonName === gun;
  return gun.startsWith(commonName.replace(/\*+$/u, ''));
}

/** A day's grace at the beginning, for clocks that are slow. */
function isValid({ notBefore, notAfter }: Certificate, now: Instant): boolean {
  return notBefore <= now + DAY && now <= notAfter;
}

function hasStrongKey({ spki }: Certificate): boolean {
  const info = ifReadable(() => parseSpki(spki));
  return info !== undefined && (info.kind !== 'rsa' || fits(info, 'rsa'));
}
