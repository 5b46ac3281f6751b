import {
  checkPromise,
  CountersignError,
  equalBytes,
  SNAPSHOT,
  type Envelope,
  type MetaFile,
  type RoleName,
  type Snapshot,
} from '@countersign/client/tuf';
import type { CollectionContext } from './context.js';
import { WORK_PER_BYTE } from './upload.js';
import type { Step } from './walk.js';

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
  const changed = [...snapshot.signed.meta].filter(
    ([role, promise]) =>
      step.upload.targets.has(role) || !same(promise, step.published?.snapshot.signed.meta.get(role)),
  );
  await step.published?.load(changed.map(([role]) => role));
  for (const [role, promise] of changed) await checkListed(context, step, role, promise);
}

async function checkListed(context: CollectionContext, step: Step, role: RoleName, promise: MetaFile): Promise<void> {
  const document = step.upload.targets.get(role) ?? step.published?.targets(role);
  if (document === undefined) throw unknown(role);
  if (step.work.spend(document.raw.length * WORK_PER_BYTE)) await step.work.pause();
  const { version } = document.signed;
  if (promise.by === 'version' && promise.version !== version) {
    throw new CountersignError('mix-and-match', `snapshot lists ${role} version ${promise.version}, not ${version}`, {
      detail: { role, version: promise.version, current: version },
      next: `List ${role} as it is after this publish, version ${version}.`,
    });
  }
  checkPromise(role, promise, document.raw, context.crypto);
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
