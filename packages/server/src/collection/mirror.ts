import { CountersignError, instant, ROOT, type Envelope, type Gun, type Root } from '@countersign/client/tuf';

/** When the renewal job is to look at a mirror, which nobody here can renew: at the end of JavaScript's calendar. */
export const NEVER = instant(8_640_000_000_000_000);

/** The refusal of a publish to a mirror (`unlessMirror`) that brings no root. */
export function readOnly(gun: Gun, root: Envelope<Root>): CountersignError {
  const { version } = root.signed;
  return new CountersignError(
    'wrong-key',
    `${gun} is a read-only copy here: its root version ${version} names the timestamp key of another server`,
    {
      detail: { role: ROOT, version },
      next: 'Publish to the server it was copied from; or have its owner import it again with the root key at hand. (Where the owner signs snapshots, it is enough to rotate the timestamp key here.)',
    },
  );
}
