import { hexEncode, type Envelope, type RoleName, type Targets } from '@countersign/client/tuf';
import type { TargetUses } from './ports.js';
import type { PublishRequest } from './service.js';
import type { Step } from './walk.js';

function* namedBy(document: Envelope<Targets> | undefined): Generator<string> {
  if (document === undefined) return;
  for (const [, file] of document.signed.targets) {
    const sha256 = file.hashes.get('sha256');
    if (sha256 !== undefined) yield hexEncode(sha256);
  }
}

/** What this publish changes about which target files current metadata names. */
export async function targetUses(step: Step, targets: PublishRequest['targets']): Promise<TargetUses> {
  const change = new Map<string, number>();
  await step.published?.load(step.upload.targets.keys());
  for (const [role, next] of step.upload.targets) {
    for (const sha256 of namedBy(await before(step, role))) change.set(sha256, (change.get(sha256) ?? 0) - 1);
    for (const sha256 of namedBy(next)) change.set(sha256, (change.get(sha256) ?? 0) + 1);
  }
  for (const [sha256, by] of change) if (by === 0) change.delete(sha256);
  const required = targets === 'hosted' ? [...change].filter(([, by]) => by > 0).map(([sha256]) => sha256) : [];
  return { change, required: new Set(required) };
}

async function before(step: Step, role: RoleName): Promise<Envelope<Targets> | undefined> {
  const file = await step.published?.file(role);
  return file === undefined ? undefined : step.format.parseTargets(file.bytes);
}
