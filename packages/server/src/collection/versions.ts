import { CountersignError, equalBytes, ROOT, SNAPSHOT, TIMESTAMP, type RoleName } from '@countersign/client/tuf';
import type { Published } from './published.js';
import type { Published as Answer } from './service.js';
import { documentOf, rolesOf, type Upload } from './upload.js';
import type { Step } from './walk.js';

/**
 * An uploaded role is exactly current + 1 (a gap would hide a lost update), or above current, as the format has it. No root
 * may be skipped in either: clients walk them one by one.
 */
export async function checkVersion(step: Step, role: RoleName): Promise<void> {
  const version = documentOf(step.upload, role)?.signed.version ?? 0;
  const current = (await step.published?.version(role)) ?? step.past.get(role) ?? 0;
  const isNext = step.format.rules.uploadedVersion === 'next' || (role === ROOT && current > 0);
  const most = role === ROOT && current === 0 ? step.format.rules.highestFirstRoot : Infinity;
  if (version <= most && (isNext ? version === current + 1 : version > current)) return;
  throw new CountersignError('conflict', `${role} version ${version} was sent, but version ${current} is current`, {
    detail: { role, version, current },
    next: advice(step, role, current),
  });
}

export async function checkVersions(step: Step): Promise<void> {
  for (const role of rolesOf(step.upload)) {
    // Whether a snapshot may be uploaded at all comes first: nobody is to catch up with a version that is not theirs to make.
    if (role !== SNAPSHOT) await checkVersion(step, role);
  }
}

function advice({ published }: Step, role: RoleName, current: number): string {
  if (current === 0) return `Start ${role} at version 1.`;
  return published === undefined
    ? `The collection was deleted, and goes on above the versions it has had: start ${role} at version ${current + 1}.`
    : `Fetch the collection, apply your changes to ${role} version ${current} and publish again.`;
}

/** Sending the same bytes again, after an answer was lost, is a success that writes nothing. */
export async function sameAsPublished(step: Step): Promise<Answer | undefined> {
  const { published, upload } = step;
  if (published === undefined) return undefined;
  for (const role of rolesOf(upload)) {
    const [sent, current] = [documentOf(upload, role), await published.file(role)];
    if (sent === undefined || current === undefined || !equalBytes(sent.raw, current.bytes)) return undefined;
  }
  return {
    gun: step.gun,
    versions: await currentVersions(published, upload),
    timestampExpires: published.head.timestamp.expires,
    repeated: true,
    format: step.format.name,
  };
}

async function currentVersions(published: Published, upload: Upload): Promise<Record<string, number>> {
  const versions: Record<string, number> = {};
  for (const role of [...rolesOf(upload), SNAPSHOT, TIMESTAMP]) versions[role] = (await published.version(role)) ?? 0;
  return versions;
}
