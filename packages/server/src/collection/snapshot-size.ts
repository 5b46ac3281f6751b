import { CountersignError, ecdsaToDer, SNAPSHOT } from '@countersign/client/tuf';
import type { ListedOnlineKey } from './online.js';
import type { Policy } from './service.js';
import type { Step } from './walk.js';

/** Signatures of online keys, as long as they come. */
const LONGEST = {
  ed25519: new Uint8Array(64),
  'ecdsa-p256-sha256': ecdsaToDer(new Uint8Array(64).fill(0xff)),
} as const;

/**
 * That a snapshot this server is about to have signed is one that clients take. Only where roles are uploaded does it grow: a
 * renewal, or a new root, goes on in a collection that a lower limit has overtaken.
 * @param draft its canonical `signed` bytes; with signatures by `keys` it is a little longer
 * @throws CountersignError `too-large`
 */
export function checkSnapshotSize(
  { maxSnapshot }: Pick<Policy, 'maxSnapshot'>,
  { format, upload }: Step,
  draft: Uint8Array,
  keys: readonly ListedOnlineKey[],
): void {
  if (upload.targets.size === 0) return;
  const signatures = keys.map(({ keyId, scheme }) => ({ keyId, scheme, value: LONGEST[scheme] }));
  const { length } = format.assemble(draft, signatures);
  if (length <= maxSnapshot) return;
  throw new CountersignError(
    'too-large',
    `with this upload the snapshot would have ${length} bytes; this server makes none over ${maxSnapshot}`,
    {
      detail: { role: SNAPSHOT, limit: maxSnapshot },
      next: 'Have fewer roles, or shorter names for them, or have policy.maxSnapshot raised.',
    },
  );
}
