import { hexEncode } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import { parseTargetPath, type TargetPath } from '../tuf/names.js';
import type { ExpectedTarget } from './target-stream.js';

/** How target files are named on a server (§6.2, W8.1). */
export type TargetNaming = 'hash-prefixed' | 'plain';

/** Its name on a repository that names targets so. @throws CountersignError as `hashPrefixed` */
export function storedName(target: ExpectedTarget, naming: TargetNaming): TargetPath {
  return naming === 'plain' ? target.path : hashPrefixed(target);
}

/**
 * `dir/HASH.name`, as a repository with consistent snapshots stores `dir/name` (§5.7).
 * @throws CountersignError `malformed` where the target is listed without a hash
 */
export function hashPrefixed({ path, file }: ExpectedTarget): TargetPath {
  const hash = file.hashes.get('sha256') ?? file.hashes.get('sha512') ?? file.hashes.values().next().value;
  if (hash === undefined) throw new CountersignError('malformed', `${path} is listed without a hash`);
  const cut = path.lastIndexOf('/') + 1;
  return parseTargetPath(`${path.slice(0, cut)}${hexEncode(hash)}.${path.slice(cut)}`);
}
