import type { ExpectedTarget } from './target-stream.js';
import { hexEncode } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import type { TrustContext } from '../tuf/trust.js';

/** Names that a container registry may have. */
const IMAGE = /^[a-z0-9._:/-]+$/u;

/**
 * Returns if targets of the format are files that a server hands out.
 * @throws CountersignError `not-found`, which says what the target is, where they are kept elsewhere
 */
export function checkHosted({ path, file }: ExpectedTarget, { format, gun }: TrustContext): void {
  if (format.rules.targetFiles === 'hosted') return;
  const sha256 = file.hashes.get('sha256');
  const hex = sha256 === undefined ? undefined : hexEncode(sha256);
  const pull =
    hex === undefined || gun === undefined || !IMAGE.test(gun)
      ? ''
      : `If it is an image: \`docker pull ${gun}@sha256:${hex}\`. `;
  throw new CountersignError(
    'not-found',
    `${path} is no file on this server, which only says what it must be: ${file.length} bytes${hex === undefined ? '' : ` with the digest sha256:${hex}`}`,
    {
      detail: { target: path, length: file.length, ...(hex === undefined ? {} : { sha256: hex }) },
      next: `${pull}Get it where it is kept, then check it with \`countersign verify\`.`,
    },
  );
}
