import {
  CountersignError,
  detectFormat,
  promiseOf,
  ROOT,
  SNAPSHOT,
  TARGETS,
  TIMESTAMP,
  type Envelope,
  type Format,
  type MetaFile,
  type RoleName,
  type Root,
  type Snapshot,
  type Version,
} from '@countersign/client/tuf';
import { commitOf } from './commit.js';
import type { CollectionContext } from './context.js';
import { Countersigner, type Countersigned, type SnapshotPlan } from './countersign.js';
import { explainingSignatures } from './doubt.js';
import { checkListing } from './listed.js';
import { checkOnlineCount, forgotten, onlineRoles, unlessMirror, type OnlineRoles } from './online.js';
import { readOnly } from './mirror.js';
import { checkOwnSnapshot } from './own-snapshot.js';
import type { TargetUses } from './ports.js';
import { Published } from './published.js';
import { checkDelegated } from './reach.js';
import type { Published as Answer, PublishRequest } from './service.js';
import { checkStrict } from './strict.js';
import { documentOf, parseUpload, rolesOf, type Upload } from './upload.js';
import { targetUses } from './uses.js';
import { checkVersion, checkVersions, sameAsPublished } from './versions.js';
import { walk, type Step } from './walk.js';
import { Work } from './work.js';

/**
 * Publishes an upload: checks it by being a client, has snapshot and timestamp signed, and commits if the collection has
 * not moved meanwhile; if it has, but no uploaded role has, starts again from the new state (design §3).
 * @throws CountersignError `conflict` when an uploaded role has moved; whatever the checks, the signer and the store throw
 */
export async function publish(context: CollectionContext, request: PublishRequest): Promise<Answer> {
  const now = context.clock();
  for (let attempt = 0; attempt < context.policy.publishAttempts; attempt += 1) {
    const published = await Published.load(request.gun, context.store, context.documents, context.formatNamed);
    const format = published?.format ?? firstFormat(context, request);
    const work = new Work(context.policy.maxPublishWork);
    const goesOn = published === undefined && format.rules.nextLife === 'goes-on';
    const step: Step = {
      gun: request.gun,
      format,
      published,
      upload: await parseUpload(request.files, format, context.policy, work),
      past: goesOn ? await context.store.pastVersions(request.gun) : NO_PAST,
      work,
      now,
    };
    const repeated = await sameAsPublished(step);
    if (repeated !== undefined) return repeated;
    await checkVersions(step);
    const answer = await attemptPublish(context, step, request);
    if (answer !== undefined) return answer;
  }
  throw new CountersignError(
    'unavailable',
    `${request.gun} is being published to faster than this publish could follow`,
    { next: 'Try again.' },
  );
}

/** The first root decides a collection's format. */
function firstFormat(context: CollectionContext, request: PublishRequest): Format {
  const root = request.files.find((file) => file.role === ROOT);
  if (root === undefined) {
    throw new CountersignError('not-found', `there is no collection ${request.gun} yet, and the upload has no root`, {
      detail: { role: ROOT },
      next: 'The first upload must hold root and targets.',
    });
  }
  return context.documents.format(detectFormat(root.bytes));
}

const NO_PAST: ReadonlyMap<RoleName, Version> = new Map();

/** One try against one head; undefined if another publish was committed first. */
async function attemptPublish(
  context: CollectionContext,
  step: Step,
  request: PublishRequest,
): Promise<Answer | undefined> {
  const prepared = await prepare(context, step, request);
  if (prepared === undefined) return undefined;
  const { signed, keys, targets } = prepared;
  return commit(context, step, signed, keys, targets);
}

/** A publish that was checked, and countersigned. */
export interface Prepared {
  readonly signed: Countersigned;
  readonly keys: OnlineRoles;
  readonly targets: TargetUses;
}

/** Everything that comes before a publish is committed; undefined if another one was committed first. */
export async function prepare(
  context: CollectionContext,
  step: Step,
  request: Pick<PublishRequest, 'targets' | 'abandons'>,
): Promise<Prepared | undefined> {
  await checkStrict(context, step);
  const root = step.upload.root ?? step.format.parseRoot(step.published?.bytes(ROOT) ?? missingRoot(step));
  const keys =
    step.upload.root === undefined
      ? ((await unlessMirror(context, step.gun, root)) ?? refuse(readOnly(step.gun, root)))
      : await onlineRoles(context, step.gun, root);
  if (step.upload.root !== undefined) checkOnlineCount(keys);
  const plan = planSnapshot(context, step, root, keys);
  if (plan.kind === 'uploaded') await checkVersion(step, SNAPSHOT);
  checkListing(context, step, plan);
  const countersigner = new Countersigner(context, step, root, keys, plan);
  await explainingSignatures(step, async () => {
    const trust = await walk(context, step, countersigner.propose());
    if (plan.kind === 'uploaded') await checkOwnSnapshot(context, step, plan.snapshot);
    await checkDelegated(context, step, trust, new Set(request.abandons));
  });
  const targets = await targetUses(step, request.targets);
  const missing = await context.store.uploads.missing(step.gun, targets.required);
  if (missing.length > 0) throw missingTargets(missing);
  const signed = await countersigner.sign();
  if (signed === undefined) return undefined;
  await walk(context, step, { snapshot: signed.snapshot?.raw, timestamp: signed.timestamp.raw });
  return { signed, keys, targets };
}

function refuse(refusal: CountersignError): never {
  throw refusal;
}

function missingRoot(step: Step): never {
  throw new CountersignError('not-found', `there is no collection ${step.gun} yet`, {
    next: 'The first upload must hold root and targets.',
  });
}

/** A new snapshot only when what it says, or who signs it, changes (G5). */
export function planSnapshot(
  context: CollectionContext,
  step: Step,
  root: Envelope<Root>,
  keys: OnlineRoles,
): SnapshotPlan {
  const { upload, published } = step;
  const listsRoot = step.format.rules.snapshotListsRoot && upload.root !== undefined;
  const changed = upload.targets.size > 0 || listsRoot || published === undefined || snapshotSignersChange(step, root);
  if (keys.snapshot.length === 0) return clientManaged(upload, changed, root.signed.version);
  if (upload.snapshot !== undefined) {
    throw new CountersignError('forbidden-role', 'snapshot was uploaded, but the server makes it for this collection', {
      detail: { role: SNAPSHOT },
      next: 'Leave snapshot out of the upload.',
    });
  }
  const meta = new Map<RoleName, MetaFile>();
  if (listsRoot) meta.set(ROOT, promiseOf(step.format, root.raw, root.signed.version, context.crypto, 'length-only'));
  for (const [role, document] of upload.targets)
    meta.set(role, promiseOf(step.format, document.raw, document.signed.version, context.crypto, 'length-only'));
  if (published === undefined && !meta.has(TARGETS)) {
    throw new CountersignError('not-found', `the first upload to ${step.gun} has no targets`, {
      detail: { role: TARGETS },
      next: 'The first upload must hold root and targets.',
    });
  }
  return changed ? { kind: 'make', meta } : { kind: 'keep' };
}

function clientManaged(upload: Upload, changed: boolean, rootVersion: Version): SnapshotPlan {
  if (upload.snapshot !== undefined) return { kind: 'uploaded', snapshot: upload.snapshot };
  if (!changed) return { kind: 'keep' };
  throw new CountersignError(
    'wrong-key',
    `root version ${rootVersion} names snapshot keys this server does not hold, and no snapshot was uploaded`,
    {
      detail: { role: SNAPSHOT },
      next: 'Upload a snapshot that lists the new versions, or let the server hold the snapshot key (GET …/snapshot.key).',
    },
  );
}

function snapshotSignersChange(step: Step, root: Envelope<Root>): boolean {
  if (step.upload.root === undefined || step.published === undefined) return false;
  const before = step.format.parseRoot(step.published.bytes(ROOT)).signed.roles.snapshot;
  const after = root.signed.roles.snapshot;
  return before.threshold !== after.threshold || before.keyIds.join() !== after.keyIds.join();
}

async function commit(
  context: CollectionContext,
  step: Step,
  signed: Countersigned,
  keys: OnlineRoles,
  targets: TargetUses,
): Promise<Answer | undefined> {
  const wanted = commitOf(context, step, signed, keys, targets);
  const result = await settle(context, step, wanted.timestamp.sha256, () => context.store.commit(wanted));
  context.documents.remember([...wanted.files, wanted.timestamp]);
  if (result.kind === 'committed') return answer(step, signed);
  if (result.kind === 'missing-targets') throw missingTargets(result.hashes);
  // A role that left the snapshot and comes back below the versions it has had here: waiting would not help.
  if (result.kind === 'version-taken' && documentOf(step.upload, result.role) !== undefined) throw taken(result);
  if (result.kind === 'unknown-keys') throw forgotten(result.ids);
  return undefined;
}

function taken({ role, version }: { readonly role: RoleName; readonly version: Version }): CountersignError {
  return new CountersignError('conflict', `${role} version ${version} was published before`, {
    detail: { role, version, current: version },
    next: `Publish ${role} with a version above all it has had.`,
  });
}

/** A commit whose outcome is unknown is settled by reading the head again (design §3). */
export async function settle<R extends { readonly kind: string }>(
  context: CollectionContext,
  { gun }: Pick<Step, 'gun'>,
  timestamp: string,
  commit: () => Promise<R>,
): Promise<R | { readonly kind: 'committed' }> {
  try {
    return await commit();
  } catch (error) {
    const head = await context.store.fileByHash(gun, TIMESTAMP, timestamp).catch(() => undefined);
    if (head !== undefined) return { kind: 'committed' };
    throw error;
  }
}

function answer(step: Step, signed: Countersigned): Answer {
  const versions: Record<string, number> = {};
  for (const role of rolesOf(step.upload)) versions[role] = documentOf(step.upload, role)?.signed.version ?? 0;
  const snapshot: Snapshot | undefined = signed.snapshot?.signed;
  if (snapshot !== undefined) versions[SNAPSHOT] = snapshot.version;
  versions[TIMESTAMP] = signed.timestamp.signed.version;
  const { expires } = signed.timestamp.signed;
  return { gun: step.gun, versions, timestampExpires: expires, repeated: false, format: step.format.name };
}

function missingTargets(hashes: readonly string[]): CountersignError {
  return new CountersignError(
    'missing-target',
    `${hashes.length} target files the upload names are not on this server: ${hashes.slice(0, 3).join(', ')}${hashes.length > 3 ? ', …' : ''}`,
    {
      detail: { hashes: hashes.slice(0, 100) },
      next: 'Upload the files first, then publish again.',
    },
  );
}
