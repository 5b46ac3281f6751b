import { CountersignError, type Gun, type Instant } from '@countersign/client/tuf';
import type { CollectionContext } from './context.js';
import type { Upload } from './ports.js';

/** Files removed in one transaction, and transactions in one run: half a million files an hour. */
const BATCH = 500;
const MOST_BATCHES = 1_000;
// Bytes without a row are an upload in progress or one a crash orphaned; nobody uploads for longer than this.
const ORPHANED_AFTER = 2 * 86_400_000;

/** Takes in a target file under the SHA-256 its publisher says it has. */
export async function uploadTarget(
  context: CollectionContext,
  request: { readonly gun: Gun; readonly sha256: string; readonly bytes: AsyncIterable<Uint8Array> },
): Promise<{ readonly length: number; readonly sha256: string }> {
  const { store, targetFiles, policy } = context;
  const unnamed = await store.uploads.unnamedBytes(request.gun);
  if (unnamed >= policy.maxUnnamedBytes) {
    throw new CountersignError(
      'too-large',
      `${request.gun} has ${unnamed} bytes of target files no metadata names yet; this server takes at most ${policy.maxUnnamedBytes}`,
      {
        detail: { limit: policy.maxUnnamedBytes },
        next: 'Publish metadata that names them, then upload more.',
      },
    );
  }
  const written = await targetFiles.write(
    request.bytes,
    Math.min(policy.maxTargetFile, policy.maxUnnamedBytes - unnamed),
  );
  if (written.sha256 !== request.sha256) {
    await targetFiles.remove(written.blob);
    throw new CountersignError(
      'arbitrary-software',
      `the bytes received have the SHA-256 ${written.sha256}, not ${request.sha256}`,
      { next: 'Upload the file again.' },
    );
  }
  // If this fails, a row may refer to the bytes all the same: they stay, and the sweep removes them if none does.
  const kept = await store.uploads.add({ ...written, gun: request.gun, uploadedAt: context.clock() });
  if (kept.blob !== written.blob) await targetFiles.remove(written.blob);
  return { length: kept.length, sha256: kept.sha256 };
}

export async function findTarget(context: CollectionContext, gun: Gun, hash: string): Promise<Upload> {
  const upload = await context.store.uploads.find(gun, hash);
  if (upload === undefined)
    throw new CountersignError('not-found', `${gun} has no target file with the hash ${hash} on this server`);
  return upload;
}

/** Removes target files nothing has named for the retention time, then bytes that a crash left without a row. */
export async function collectTargets(context: CollectionContext): Promise<{ readonly removed: number }> {
  const { store, policy } = context;
  const before = (context.clock() - policy.targetRetention * 1000) as Instant;
  const removed = await inBatches(() => collectBatch(context, before));
  await inBatches(() => store.uploads.forget(before, BATCH));
  return { removed: removed + (await sweep(context)) };
}

/** Rows first: where this is cut short, `sweep` finds the bytes. */
async function collectBatch({ store, targetFiles }: CollectionContext, before: Instant): Promise<number> {
  const collected = await store.uploads.collect(before, BATCH);
  for (const upload of collected) await targetFiles.remove(upload.blob);
  return collected.length;
}

/** As long as batches come back full: what is left over would be more with every run. Bounded, since runs do end. */
async function inBatches(batch: () => Promise<number>): Promise<number> {
  let total = 0;
  for (let number = 0; number < MOST_BATCHES; number += 1) {
    const done = await batch();
    total += done;
    if (done < BATCH) break;
  }
  return total;
}

async function sweep(context: CollectionContext): Promise<number> {
  let removed = 0;
  for await (const blobs of context.targetFiles.sweep((context.clock() - ORPHANED_AFTER) as Instant)) {
    const known = await context.store.uploads.known(blobs);
    for (const blob of blobs) {
      if (known.has(blob)) continue;
      await context.targetFiles.remove(blob);
      removed += 1;
    }
  }
  return removed;
}
