import { CountersignError, type Gun, type Instant } from '@countersign/client/tuf';
import type { Arrival, Arriving } from './arriving.js';
import type { CollectionContext } from './context.js';
import type { Upload } from './ports.js';

/** Files removed in one transaction, and transactions in one run: half a million files an hour. */
const BATCH = 500;
const MOST_BATCHES = 1_000;
// Bytes without a row are an upload in progress or one a crash orphaned; nobody uploads for longer than this.
const ORPHANED_AFTER = 2 * 86_400_000;

interface UploadRequest {
  readonly gun: Gun;
  readonly sha256: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Takes in a target file under the SHA-256 its publisher says it has. */
export async function uploadTarget(
  context: CollectionContext,
  arriving: Arriving,
  request: UploadRequest,
): Promise<{ readonly length: number; readonly sha256: string }> {
  const arrival = arriving.begin(request.gun);
  let kept: Kept | undefined;
  try {
    kept = await receive(context, arriving, arrival, request);
    return { length: kept.upload.length, sha256: kept.upload.sha256 };
  } finally {
    arriving.end(request.gun, arrival, kept?.isNew === true ? kept.upload.length : 0);
  }
}

/** What came of an upload; not new where the collection had the file. */
interface Kept {
  readonly upload: Upload;
  readonly isNew: boolean;
}

async function receive(
  context: CollectionContext,
  arriving: Arriving,
  arrival: Arrival,
  { gun, sha256, bytes }: UploadRequest,
): Promise<Kept> {
  const { store, targetFiles, policy } = context;
  arrival.stored += await store.uploads.unnamedBytes(gun);
  const checkRoom = (): void => {
    const total = arriving.total(gun, arrival);
    if (total > policy.maxUnnamedBytes || (arrival.received === 0 && total >= policy.maxUnnamedBytes))
      throw noRoom(gun, total, policy.maxUnnamedBytes);
  };
  checkRoom();
  const written = await targetFiles.write(
    watched(bytes, (length) => {
      arrival.received += length;
      checkRoom();
    }),
    policy.maxTargetFile,
  );
  if (written.sha256 !== sha256) {
    await targetFiles.remove(written.blob);
    throw new CountersignError(
      'arbitrary-software',
      `the bytes received have the SHA-256 ${written.sha256}, not ${sha256}`,
      { next: 'Upload the file again.' },
    );
  }
  // If this fails, a row may refer to the bytes all the same: they stay, and the sweep removes them if none does.
  const upload = await store.uploads.add({ ...written, gun, uploadedAt: context.clock() });
  const isNew = upload.blob === written.blob;
  if (!isNew) await targetFiles.remove(written.blob);
  return { upload, isNew };
}

async function* watched(
  bytes: AsyncIterable<Uint8Array>,
  onReceived: (length: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    onReceived(chunk.length);
    yield chunk;
  }
}

function noRoom(gun: Gun, bytes: number, limit: number): CountersignError {
  return new CountersignError(
    'too-large',
    `${gun} has ${bytes} bytes of target files no metadata names yet, those being uploaded among them; this server takes at most ${limit}`,
    { detail: { limit }, next: 'Publish metadata that names them, then upload more.' },
  );
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
