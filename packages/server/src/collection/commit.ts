import {
  digest,
  hexEncode,
  ROOT,
  SNAPSHOT,
  TIMESTAMP,
  type Document,
  type Envelope,
  type Instant,
  type RoleName,
} from '@countersign/client/tuf';
import type { CollectionContext } from './context.js';
import type { Countersigned } from './countersign.js';
import { lifetimesOf } from './lifetimes.js';
import type { OnlineRoles } from './online.js';
import type { Commit, NewFile, TargetUses } from './ports.js';
import type { Step } from './walk.js';

/** The one transaction that makes `signed` and the uploaded files current. */
export function commitOf(
  context: CollectionContext,
  step: Step,
  signed: Countersigned,
  keys: OnlineRoles,
  targets: TargetUses,
): Commit {
  const { upload, published, now } = step;
  const file = (role: RoleName, document: Envelope<Document>): NewFile => newFile(context, role, document);
  const files = [...upload.targets].map(([role, document]) => file(role, document));
  if (upload.root !== undefined) files.push(file(ROOT, upload.root));
  if (signed.snapshot !== undefined) files.push(file(SNAPSHOT, signed.snapshot));
  return {
    gun: step.gun,
    format: step.format.name,
    follows: published?.follows,
    files,
    timestamp: file(TIMESTAMP, signed.timestamp),
    rootVersion: upload.root?.signed.version ?? current(published?.head.root.version),
    snapshotVersion: signed.snapshot?.signed.version ?? current(published?.head.snapshot.version),
    renewAt: renewAt(context, step, now),
    usedKeys: upload.root === undefined ? [] : [...keys.timestamp, ...keys.snapshot].map((key) => key.id),
    adoptedKeys: [],
    changefeed: 'line',
    targets,
    now,
  };
}

/** A document as the store takes it. */
export function newFile(
  { crypto }: Pick<CollectionContext, 'crypto'>,
  role: RoleName,
  { raw, signed }: Envelope<Document>,
): NewFile {
  const sha256 = hexEncode(digest(crypto, 'sha256', raw));
  return { role, version: signed.version, bytes: raw, sha256, expires: signed.expires };
}

function current<T>(version: T | undefined): T {
  if (version === undefined) throw new Error('a first publish without root or snapshot passed the walk');
  return version;
}

/** One signing period on, less up to a tenth of it, so that collections born together are not renewed together. */
function renewAt(context: CollectionContext, { gun, format }: Step, now: Instant): Instant {
  const spread = (digest(context.crypto, 'sha256', new TextEncoder().encode(gun))[0] ?? 0) / 2560;
  const { timestampSigningPeriod } = lifetimesOf(context.policy, format);
  return Math.round(now + timestampSigningPeriod * 1000 * (1 - spread)) as Instant;
}
