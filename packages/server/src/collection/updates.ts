import { ROOT, TARGETS, type Gun, type Version } from '@countersign/client/tuf';
import type { CollectionContext } from './context.js';
import type { StoredFile } from './ports.js';
import { Published } from './published.js';
import type { HeldVersions, Updates } from './service.js';

/** Roots in one answer, and their bytes. */
const ROOTS = 1_000;
const ROOT_BYTES = 4 * 1024 * 1024;

/** What a client that holds these versions lacks of the state that is current now; undefined where nothing is published. */
export async function updatesSince(
  context: CollectionContext,
  gun: Gun,
  held: HeldVersions,
): Promise<Updates | undefined> {
  const { store, documents, formatNamed } = context;
  const published = await Published.load(gun, store, documents, formatNamed);
  if (published === undefined) return undefined;
  const { head } = published;
  const roots = await rootsAfter(context, gun, held.root, head.root.version);
  const last = roots.at(-1)?.version ?? held.root;
  if (last < head.root.version) return { files: roots, complete: false };
  const files = [...roots];
  if (head.timestamp.version !== held.timestamp) files.push(head.timestamp);
  if (head.snapshot.version !== held.snapshot) files.push(head.snapshot);
  if ((await published.version(TARGETS)) !== held.targets) {
    const targets = await published.file(TARGETS);
    if (targets !== undefined) files.push(targets);
  }
  return { files, complete: true };
}

async function rootsAfter(
  { store, policy }: CollectionContext,
  gun: Gun,
  held: number,
  current: Version,
): Promise<readonly StoredFile[]> {
  // Anybody may ask: however large these roots are, no more of them are brought at once than an answer may hold.
  const atOnce = Math.max(1, Math.floor(ROOT_BYTES / policy.maxRoot));
  const last = Math.min(current, held + ROOTS);
  const roots: StoredFile[] = [];
  let bytes = 0;
  for (let from = held + 1; from <= last; from += atOnce) {
    const wanted = Array.from({ length: Math.min(atOnce, last - from + 1) }, (_, i) => ({
      role: ROOT,
      version: (from + i) as Version,
    }));
    for (const root of await store.files(gun, wanted)) {
      // A chain with a gap leads no further by any way.
      if (root === undefined) return roots;
      bytes += root.bytes.length;
      // One at least, so that every answer leads on.
      if (bytes > ROOT_BYTES && roots.length > 0) return roots;
      roots.push(root);
    }
  }
  return roots;
}
