import {
  CountersignError,
  hasCode,
  parseVersion,
  ROOT,
  SNAPSHOT,
  TIMESTAMP,
  verifyRole,
  type Document,
  type Envelope,
  type PublicKey,
  type KeyId,
  type Role,
  type RoleName,
} from '@countersign/client/tuf';
import { newFile } from './commit.js';
import type { CollectionContext } from './context.js';
import { delegationsOf } from './delegations.js';
import { checkHistoryFile } from './history.js';
import type { NewFile } from './ports.js';
import { Published } from './published.js';
import type { AddedPast, Flawed, PastRequest, PastUpload } from './service.js';
import { counted, WORK_PER_BYTE, Work } from './work.js';

/** One call of `addPast`, and what of it has been verified so far. */
interface Adding {
  readonly context: CollectionContext;
  readonly published: Published;
  readonly work: Work;
  /** Under `version role`: they may vouch for what comes after them. */
  readonly verified: Map<string, NewFile>;
}

/**
 * Adds earlier versions that another server published. Each is verified under the stored file that is said to list its keys,
 * which was verified itself when it came; when it was signed to last is of no matter any more.
 * @throws CountersignError `not-found` where there is no such collection, `too-many`
 */
export async function addPast(context: CollectionContext, request: PastRequest): Promise<AddedPast> {
  const { gun, files } = request;
  const published = await Published.load(gun, context.store, context.documents, context.formatNamed);
  if (published?.follows === undefined) throw noCollection(gun);
  const adding: Adding = { context, published, work: new Work(context.policy.maxPublishWork), verified: new Map() };
  const refused: Flawed[] = [];
  for (const file of files) {
    try {
      await verify(adding, file);
    } catch (why) {
      // Too much work is said of the call, not of the file it happened to run out at.
      if (!(why instanceof CountersignError) || hasCode(why, 'too-many', 'unavailable')) throw why;
      refused.push({ role: file.role, version: file.version, why });
    }
  }
  const now = context.clock();
  const past = [...adding.verified.values()];
  const result = await context.store.addPast({ gun, head: published.follows, files: past, now });
  if (result.kind === 'gone') throw noCollection(gun);
  if (result.kind === 'not-past') throw notPast(result.role, result.version);
  for (const { role, version } of result.differing)
    refused.push({
      role,
      version,
      why: new CountersignError('conflict', `${role} version ${version} has other bytes here`),
    });
  return { added: result.added, refused };
}

async function verify(adding: Adding, file: PastUpload): Promise<void> {
  const { context, published, work, verified } = adding;
  const role = checkHistoryFile(file, published.format, context.policy);
  if (role === ROOT)
    throw new CountersignError('forbidden-role', 'a root is no past file: the whole chain comes with the collection');
  if (work.spend(file.bytes.length * WORK_PER_BYTE)) await work.pause();
  const document = parse(published, role, file.bytes);
  const { version } = document.signed;
  if (version !== file.version)
    throw new CountersignError('mix-and-match', `${role} version ${file.version} calls itself version ${version}`);
  if (version >= (await currentVersion(published, role))) throw notPast(role, version);
  const by = await voucher(adding, role, file.by);
  await verifyRole(by.signers, by.keys, document, counted(context.documents.crypto, work), by.name);
  const { createdAt } = file;
  verified.set(`${version} ${role}`, {
    ...newFile(context, role, document),
    ...(createdAt === undefined ? {} : { createdAt }),
  });
}

function parse({ format }: Published, role: RoleName, raw: Uint8Array): Envelope<Document> {
  if (role === TIMESTAMP) return format.parseTimestamp(raw);
  if (role === SNAPSHOT) return format.parseSnapshot(raw);
  const targets = format.parseTargets(raw);
  const misplaced = format.misplaced(role, targets.signed);
  if (misplaced === undefined) return targets;
  throw new CountersignError('delegation', `${role}: ${misplaced}`, { detail: { role } });
}

/** Of a role that nothing current names, any version is past. */
async function currentVersion(published: Published, role: RoleName): Promise<number> {
  if (role === TIMESTAMP) return published.head.timestamp.version;
  if (role === SNAPSHOT) return published.head.snapshot.version;
  return (await published.version(role)) ?? Infinity;
}

interface Voucher {
  readonly signers: Role;
  readonly keys: ReadonlyMap<KeyId, PublicKey>;
  readonly name: string;
}

/** Who may sign `role`, as a stored file says. @throws CountersignError `not-found`, `delegation` */
async function voucher(adding: Adding, role: RoleName, by: PastUpload['by']): Promise<Voucher> {
  const { context, published, verified, work } = adding;
  const { format, gun } = published;
  const version = parseVersion(by.version);
  const bytes =
    verified.get(`${version} ${by.role}`)?.bytes ??
    (await context.store.file(gun, by.role as RoleName, version))?.bytes;
  const name = `${by.role} version ${version}`;
  if (bytes === undefined)
    throw new CountersignError('not-found', `${name}, which is to vouch for ${role}, is not here`);
  if (work.spend(bytes.length * WORK_PER_BYTE)) await work.pause();
  if (by.role === ROOT) {
    const { keys, roles } = format.parseRoot(bytes).signed;
    const signers = Object.values(roles).find((each) => each.name === role);
    if (signers !== undefined) return { signers, keys, name };
  } else if (by.role !== TIMESTAMP && by.role !== SNAPSHOT) {
    const { delegations } = format.parseTargets(bytes).signed;
    for (const signers of delegations === undefined ? [] : delegationsOf(delegations))
      if (signers.name === role) return { signers, keys: delegations?.keys ?? new Map(), name };
  }
  throw new CountersignError('delegation', `${name} says nothing of ${role}`, { detail: { role } });
}

function notPast(role: RoleName, version: number): CountersignError {
  return new CountersignError('conflict', `${role} version ${version} is not earlier than what is current here`, {
    detail: { role, version },
  });
}

function noCollection(gun: string): CountersignError {
  return new CountersignError('not-found', `there is no collection ${gun} here`, {
    next: 'Import what is current of it first, then its earlier versions.',
  });
}
