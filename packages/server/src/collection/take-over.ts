import { CountersignError, equalBytes, ROOT, SNAPSHOT, TIMESTAMP, type RoleName } from '@countersign/client/tuf';
import { commitOf } from './commit.js';
import type { CollectionContext } from './context.js';
import { asPublished, filesOf, lastRoot, parseHistory, type History } from './history.js';
import { NEVER } from './mirror.js';
import { forgotten, signerKeyId, unlessMirror } from './online.js';
import type { Commit, NewFile, TargetUses } from './ports.js';
import { prepare, settle } from './publish.js';
import { Published } from './published.js';
import type { TakenOver, TakeOverRequest } from './service.js';
import { parseUpload, type Upload } from './upload.js';
import { targetUses } from './uses.js';
import { verifyHistory } from './verify-history.js';
import { checkVersions } from './versions.js';
import type { Step } from './walk.js';
import { Work } from './work.js';

const NOTHING: Upload = { root: undefined, snapshot: undefined, targets: new Map() };

/**
 * Makes a collection of another server's one of this one: verifies it by being a client of that server, and commits all of it
 * at once, unchanged. With a next root of its owner's, that is published on top in the same commit, and signed here. Without
 * one it is a mirror (`unlessMirror`), unless its online keys are adopted.
 * @throws CountersignError `conflict` where it is published to here already, or is being; what a client would refuse it with
 */
export async function takeOver(context: CollectionContext, request: TakeOverRequest): Promise<TakenOver> {
  const { gun } = request;
  const work = new Work(context.policy.maxPublishWork);
  const history = await parseHistory(context, request.history, work);
  const held = await Published.load(gun, context.store, context.documents, context.formatNamed);
  if (held !== undefined && isSame(held, request, history)) return repeated(context, held, history);
  if (held !== undefined && held.head.timestamp.sha256 !== request.supersedes) await checkMirror(context, held);
  const flawed = await verifyHistory(context, gun, history, held, work);
  const goesOn = held === undefined && history.format.rules.nextLife === 'goes-on';
  const step: Step = {
    gun,
    format: history.format,
    published: asPublished(context, gun, history, held),
    upload: await nextOf(context, request, history, work),
    past: goesOn ? await context.store.pastVersions(gun) : new Map(),
    work,
    now: context.clock(),
  };
  checkLives(context, step, history);
  const uploaded = { ...NOTHING, targets: history.targets };
  const uses = await targetUses({ ...step, published: held, upload: uploaded }, 'anywhere');
  const commit =
    step.upload.root === undefined
      ? await asItIs(context, step, request, history, uses)
      : await goingOn(context, step, history, uses);
  await write(context, step, commit);
  return { ...answer(step, commit, history), flawed };
}

/** All that is sent is here, and current. */
function isSame(held: Published, { next }: TakeOverRequest, history: History): boolean {
  const root = next.find(({ role }) => role === ROOT)?.bytes;
  if (root !== undefined) return equalBytes(root, held.bytes(ROOT));
  return (
    equalBytes(lastRoot(history).raw, held.bytes(ROOT)) && equalBytes(history.timestamp.raw, held.bytes(TIMESTAMP))
  );
}

async function repeated(context: CollectionContext, held: Published, history: History): Promise<TakenOver> {
  const root = held.format.parseRoot(held.bytes(ROOT));
  const keys = await unlessMirror(context, held.gun, root);
  const versions: Record<string, number> = {};
  for (const role of [ROOT, TIMESTAMP, SNAPSHOT, ...history.targets.keys()])
    versions[role] = (await held.version(role)) ?? 0;
  versions[ROOT] = held.head.root.version;
  versions[TIMESTAMP] = held.head.timestamp.version;
  versions[SNAPSHOT] = held.head.snapshot.version;
  return {
    gun: held.gun,
    format: held.format.name,
    versions,
    state: keys === undefined ? 'mirror' : 'signed-here',
    timestampExpires: held.head.timestamp.expires,
    flawed: [],
    repeated: true,
  };
}

/** @throws CountersignError `conflict` where the collection goes its own way here */
async function checkMirror(context: CollectionContext, held: Published): Promise<void> {
  const root = held.format.parseRoot(held.bytes(ROOT));
  if ((await unlessMirror(context, held.gun, root)) === undefined) return;
  throw new CountersignError(
    'conflict',
    `${held.gun} is published to here already, up to root ${root.signed.version}`,
    {
      detail: { role: ROOT, current: root.signed.version },
      next:
        held.format.rules.nextLife === 'goes-on'
          ? 'Leave it as it is, or import the other one under another name.'
          : 'Leave it as it is; or, if what is here is worth nothing, delete it first and import it then.',
    },
  );
}

/**
 * Nobody may bring an earlier life of a collection back by sending its files again.
 * @throws CountersignError `conflict`
 */
function checkLives(context: CollectionContext, { gun, past }: Step, history: History): void {
  for (const { role, version } of past.size === 0 ? [] : filesOf(context, history)) {
    const had = past.get(role) ?? 0;
    if (version > had) continue;
    throw new CountersignError('conflict', `${gun} was deleted here, and had ${role} up to version ${had}`, {
      detail: { role, version, current: had },
      next: `Publish it with versions above those, ${role} from ${had + 1} on; or import it under another name.`,
    });
  }
}

async function nextOf(
  context: CollectionContext,
  { next }: TakeOverRequest,
  { format }: History,
  work: Work,
): Promise<Upload> {
  if (next.length === 0) return NOTHING;
  const upload = await parseUpload(next, format, context.policy, work);
  if (upload.root !== undefined && upload.targets.size === 0) return upload;
  throw new CountersignError(
    'bad-upload',
    'what follows a history is a root, and a snapshot where its owner signs it',
    {
      next: 'Send nothing else with it; publish the rest afterwards.',
    },
  );
}

/** The history alone: what was current there is current here. */
async function asItIs(
  context: CollectionContext,
  step: Step,
  { adoptedKeys, changefeed }: TakeOverRequest,
  history: History,
  targets: TargetUses,
): Promise<Commit> {
  const files = filesOf(context, history);
  const [timestamp] = files.filter(({ role }) => role === TIMESTAMP);
  if (timestamp === undefined) throw new Error('a history without a timestamp passed the gate');
  const root = lastRoot(history);
  const ours = new Set(
    [...(await context.store.onlineKeys(step.gun, 'timestamp')), ...adoptedKeys].map(({ id }) => id),
  );
  const signedHere = root.signed.roles.timestamp.keyIds.every((keyId) => {
    const key = root.signed.keys.get(keyId);
    return key !== undefined && ours.has(signerKeyId(context, key.spki));
  });
  return {
    gun: step.gun,
    format: step.format.name,
    follows: step.published?.follows,
    files: await unstored(
      context,
      step,
      files.filter((file) => file !== timestamp),
    ),
    timestamp,
    rootVersion: root.signed.version,
    snapshotVersion: history.snapshot.signed.version,
    // What another server signed may be about to expire.
    renewAt: signedHere ? step.now : NEVER,
    usedKeys: [],
    adoptedKeys,
    changefeed,
    targets,
    now: step.now,
  };
}

/** The history, and on top of it what its owner signed for this server, countersigned here. */
async function goingOn(context: CollectionContext, step: Step, history: History, targets: TargetUses): Promise<Commit> {
  await checkVersions(step);
  const prepared = await prepare(context, step, { targets: 'anywhere', abandons: [] });
  if (prepared === undefined) throw overtaken(step);
  const commit = commitOf(context, step, prepared.signed, prepared.keys, targets);
  return { ...commit, files: [...(await unstored(context, step, filesOf(context, history))), ...commit.files] };
}

/** Without those that are stored already. @throws CountersignError `conflict` where one is stored with other bytes */
async function unstored(
  context: CollectionContext,
  { gun, published }: Step,
  files: readonly NewFile[],
): Promise<readonly NewFile[]> {
  if (published?.follows === undefined) return files;
  const stored = await context.store.files(gun, files);
  for (const [index, file] of files.entries()) {
    const known = stored[index];
    if (known !== undefined && known.sha256 !== file.sha256) throw taken(file.role, file.version);
  }
  return files.filter((_, index) => stored[index] === undefined);
}

async function write(context: CollectionContext, step: Step, commit: Commit): Promise<void> {
  const result = await settle(context, step, commit.timestamp.sha256, () => context.store.commit(commit));
  context.documents.remember([...commit.files, commit.timestamp]);
  if (result.kind === 'lost') throw overtaken(step);
  if (result.kind === 'version-taken') throw taken(result.role, result.version);
  if (result.kind === 'unknown-keys') throw forgotten(result.ids);
}

function answer(step: Step, commit: Commit, history: History): Omit<TakenOver, 'flawed'> {
  const versions: Record<string, number> = {};
  for (const [role, { signed }] of history.targets) versions[role] = signed.version;
  versions[ROOT] = commit.rootVersion;
  versions[SNAPSHOT] = commit.snapshotVersion;
  versions[TIMESTAMP] = commit.timestamp.version;
  return {
    gun: step.gun,
    format: step.format.name,
    versions,
    state: commit.renewAt === NEVER ? 'mirror' : 'signed-here',
    timestampExpires: commit.timestamp.expires,
    repeated: false,
  };
}

function overtaken({ gun }: Step): CountersignError {
  return new CountersignError('conflict', `${gun} was published to while it was imported`, {
    next: 'Look at what is there now, then import it again.',
  });
}

function taken(role: RoleName, version: number): CountersignError {
  return new CountersignError('conflict', `${role} version ${version} is here already, with other bytes`, {
    detail: { role, version },
    next: 'Two servers have published different files under one version: find out which is the right one.',
  });
}
