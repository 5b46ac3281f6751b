import {
  checkPromise,
  CountersignError,
  equalBytes,
  ROOT,
  SNAPSHOT,
  type Envelope,
  type MetaFile,
  type RoleName,
  type Snapshot,
} from '@countersign/client/tuf';
import type { CollectionContext } from './context.js';
import type { Step } from './walk.js';
import { WORK_PER_BYTE } from './work.js';

/**
 * That a snapshot the publisher signed itself lists what readers will find, no more and nothing else: each role as this upload
 * or the collection has it. The walk sees top-level targets only, and a delegated role it did not change nobody else looks at.
 * @throws CountersignError `mix-and-match`, or `malformed` for one that stock clients stumble over
 */
export async function checkOwnSnapshot(
  context: CollectionContext,
  step: Step,
  snapshot: Envelope<Snapshot>,
): Promise<void> {
  const flaw = step.format.flaw(snapshot);
  if (flaw !== undefined)
    throw new CountersignError('malformed', `${SNAPSHOT}: ${flaw}`, { detail: { role: SNAPSHOT } });
  for (const [role, promise] of snapshot.signed.meta) {
    // The root, where it is listed, the walk holds against the one it has reached.
    if (role === ROOT) continue;
    if (!step.upload.targets.has(role) && same(promise, step.published?.snapshot.signed.meta.get(role))) continue;
    await checkListed(context, step, role, promise);
  }
}

async function checkListed(context: CollectionContext, step: Step, role: RoleName, promise: MetaFile): Promise<void> {
  const sent = step.upload.targets.get(role);
  const bytes = sent?.raw ?? (await step.published?.file(role))?.bytes;
  if (bytes === undefined) throw unknown(role);
  if (step.work.spend(bytes.length * WORK_PER_BYTE)) await step.work.pause();
  const { version } = (sent ?? step.format.parseTargets(bytes)).signed;
  if (promise.by === 'version' && promise.version !== version) {
    throw new CountersignError('mix-and-match', `snapshot lists ${role} version ${promise.version}, not ${version}`, {
      detail: { role, version: promise.version, current: version },
      next: `List ${role} as it is after this publish, version ${version}.`,
    });
  }
  checkPromise(role, promise, bytes, context.crypto);
}

function unknown(role: RoleName): CountersignError {
  return new CountersignError('mix-and-match', `snapshot lists ${role}, which is neither stored nor uploaded`, {
    detail: { role },
    next: `Upload ${role} too, or leave it out of the snapshot.`,
  });
}

function same(a: MetaFile, b: MetaFile | undefined): boolean {
  if (a.by !== b?.by || a.length !== b.length || a.hashes.size !== b.hashes.size) return false;
  if (a.by === 'version' && b.by === 'version' && a.version !== b.version) return false;
  return [...a.hashes].every(([algorithm, hash]) => {
    const other = b.hashes.get(algorithm);
    return other !== undefined && equalBytes(hash, other);
  });
}
