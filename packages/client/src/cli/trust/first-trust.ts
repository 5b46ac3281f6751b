import { readFile } from 'node:fs/promises';
import { certificateAuthority } from '../../node/certificate-authority.js';
import type { FirstTrust } from '../../reading/pinning.js';
import { formatOfRoot } from '../../reading/root-format.js';
import { CountersignError } from '../../tuf/errors.js';
import type { CommonOptions } from '../options.js';

/**
 * Why the first root of a collection is to be believed, as the options say; undefined where they do not.
 * @throws CountersignError `usage` where a file cannot be read or is none
 */
export async function firstTrustIn(options: CommonOptions): Promise<FirstTrust | undefined> {
  const { root, rootCa, rootFingerprint, trustOnFirstUse } = options;
  if (rootFingerprint !== undefined) return { kind: 'fingerprint', fingerprint: rootFingerprint };
  if (trustOnFirstUse === true) return { kind: 'trust-on-first-use' };
  if (rootCa !== undefined) {
    const pem = await readGiven(rootCa, 'file of root authorities', '--root-ca');
    return { kind: 'authority', authority: certificateAuthority(new TextDecoder().decode(pem)) };
  }
  if (root === undefined) return undefined;
  return { kind: 'file', raw: checkedRoot(await readGiven(root, 'root file', '--root'), root) };
}

async function readGiven(path: string, what: string, option: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new CountersignError('usage', `the ${what} ${path} cannot be read`, { cause, next: `Check ${option}.` });
  });
  return new Uint8Array(bytes);
}

/** A file that is no root at all is a slip, and no attack. @throws CountersignError `usage` */
function checkedRoot(raw: Uint8Array, file: string): Uint8Array {
  try {
    formatOfRoot(raw).parseRoot(raw);
  } catch (cause) {
    if (!(cause instanceof CountersignError)) throw cause;
    throw new CountersignError('usage', `${file} is no root file: ${cause.message}`, { cause, next: 'Check --root.' });
  }
  return raw;
}
