import { hexEncode, type Envelope, type Targets } from '@countersign/client/tuf';
import type { TargetUses } from './ports.js';
import type { PublishRequest } from './service.js';
import type { Step } from './walk.js';
import { WORK_PER_BYTE } from './work.js';

/** Reading one entry of targets, in units of `Work`. */
const WORK_PER_ENTRY = 2;

/**
 * What this publish changes about which target files current metadata names.
 * @throws CountersignError `too-many` where that is more work than is left
 */
export async function targetUses(step: Step, targets: PublishRequest['targets']): Promise<TargetUses> {
  const { published, upload, format, work } = step;
  const change = new Map<string, number>();
  for await (const file of published?.files(upload.targets.keys()) ?? []) {
    if (file === undefined) continue;
    if (work.spend(file.bytes.length * WORK_PER_BYTE)) await work.pause();
    await count(step, format.parseTargets(file.bytes), -1, change);
  }
  for (const document of upload.targets.values()) await count(step, document, 1, change);
  for (const [sha256, by] of change) if (by === 0) change.delete(sha256);
  const required = targets === 'hosted' ? [...change].filter(([, by]) => by > 0).map(([sha256]) => sha256) : [];
  return { change, required: new Set(required) };
}

/** Adds `by` for each target that `document` names. */
async function count(
  { work }: Step,
  document: Envelope<Targets>,
  by: number,
  change: Map<string, number>,
): Promise<void> {
  for (const [, file] of document.signed.targets) {
    if (work.spend(WORK_PER_ENTRY)) await work.pause();
    const sha256 = file.hashes.get('sha256');
    if (sha256 === undefined) continue;
    const hex = hexEncode(sha256);
    change.set(hex, (change.get(hex) ?? 0) + by);
  }
}
