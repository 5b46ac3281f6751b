import {
  CountersignError,
  detectFormat,
  isTopLevel,
  parseSaneRoleName,
  ROOT,
  SNAPSHOT,
  TIMESTAMP,
  type Document,
  type Envelope,
  type Format,
  type Gun,
  type Instant,
  type RoleName,
  type Root,
  type Snapshot,
  type Targets,
  type Timestamp,
} from '@countersign/client/tuf';
import type { CollectionContext } from './context.js';
import { newFile } from './commit.js';
import type { NewFile, StoredFile } from './ports.js';
import { Published } from './published.js';
import type { HistoryFile, Policy, TakeOverRequest } from './service.js';
import { WORK_PER_BYTE, type Work } from './work.js';

/** A history that has passed the gate: parsed, each role once, within the limits. Nothing in it is verified yet. */
export interface History {
  readonly format: Format;
  /** At least one, each one version above the one before. */
  readonly roots: readonly Envelope<Root>[];
  readonly timestamp: Envelope<Timestamp>;
  readonly snapshot: Envelope<Snapshot>;
  readonly targets: ReadonlyMap<RoleName, Envelope<Targets>>;
  /** When each file was published, where that is known. */
  readonly dates: ReadonlyMap<Envelope<Document>, Instant>;
}

export function firstRoot({ roots }: History): Envelope<Root> {
  return roots[0] ?? missing(ROOT);
}

export function lastRoot({ roots }: History): Envelope<Root> {
  return roots.at(-1) ?? missing(ROOT);
}

/** The files of the roles that may be as large as the policy says. @throws CountersignError `too-large`, `invalid-name` */
export function checkHistoryFile(file: HistoryFile, format: Format, policy: Policy): RoleName {
  const role = isTopLevel(file.role) ? (file.role as RoleName) : parseSaneRoleName(file.role);
  const limits: Readonly<Record<string, number>> = {
    [ROOT]: policy.maxRoot,
    [SNAPSHOT]: policy.maxSnapshot,
    [TIMESTAMP]: format.rules.timestampBytes,
  };
  const limit = limits[role] ?? policy.maxTargets;
  if (file.bytes.length <= limit) return role;
  throw new CountersignError(
    'too-large',
    `${role} has ${file.bytes.length} bytes; this server takes at most ${limit}`,
    {
      detail: { role, limit },
    },
  );
}

/** @throws CountersignError `bad-upload`, `duplicate-role`, `too-large`, `too-many`, or what parsing throws */
export async function parseHistory(
  context: CollectionContext,
  { roots, current }: TakeOverRequest['history'],
  work: Work,
): Promise<History> {
  const [first] = roots;
  if (first === undefined) return missing(ROOT);
  const format = context.documents.format(detectFormat(first.bytes));
  const dates = new Map<Envelope<Document>, Instant>();
  const read = async <T extends Document>(file: HistoryFile, parse: (raw: Uint8Array) => Envelope<T>) => {
    checkHistoryFile(file, format, context.policy);
    if (work.spend(file.bytes.length * WORK_PER_BYTE)) await work.pause();
    const document = parse(file.bytes);
    if (file.createdAt !== undefined) dates.set(document, file.createdAt);
    return document;
  };
  const chain: Envelope<Root>[] = [];
  for (const file of roots) chain.push(await read(file, (raw) => format.parseRoot(raw)));
  checkChain(chain);
  const byRole = new Map<RoleName, HistoryFile>();
  for (const file of current) {
    const role = checkHistoryFile(file, format, context.policy);
    if (byRole.has(role))
      throw new CountersignError('duplicate-role', `${role} is in the history twice`, { detail: { role } });
    byRole.set(role, file);
  }
  const timestamp = await read(byRole.get(TIMESTAMP) ?? missing(TIMESTAMP), (raw) => format.parseTimestamp(raw));
  const snapshot = await read(byRole.get(SNAPSHOT) ?? missing(SNAPSHOT), (raw) => format.parseSnapshot(raw));
  const targets = new Map<RoleName, Envelope<Targets>>();
  for (const [role, file] of byRole) {
    if (role === TIMESTAMP || role === SNAPSHOT) continue;
    if (role === ROOT)
      throw new CountersignError('duplicate-role', 'root is in the history twice', { detail: { role } });
    targets.set(role, await read(file, (raw) => format.parseTargets(raw)));
  }
  return { format, roots: chain, timestamp, snapshot, targets, dates };
}

function missing(role: RoleName): never {
  throw new CountersignError('bad-upload', `the history holds no ${role}`, {
    detail: { role },
    next: 'Send the root chain, the timestamp, the snapshot and every role it lists.',
  });
}

function checkChain(roots: readonly Envelope<Root>[]): void {
  for (const [index, root] of roots.entries()) {
    const before = roots[index - 1]?.signed.version;
    if (before === undefined || root.signed.version === before + 1) continue;
    throw new CountersignError('bad-upload', `root version ${root.signed.version} comes after version ${before}`, {
      detail: { role: ROOT, version: root.signed.version, current: before },
      next: 'Send every root from the first to the current one, in order: clients walk them one by one.',
    });
  }
}

/** Every file of a history as the store takes it. */
export function filesOf(context: CollectionContext, history: History): readonly NewFile[] {
  const { roots, timestamp, snapshot, targets, dates } = history;
  const file = (role: RoleName, document: Envelope<Document>): NewFile => {
    const createdAt = dates.get(document);
    return { ...newFile(context, role, document), ...(createdAt === undefined ? {} : { createdAt }) };
  };
  return [
    ...roots.map((root) => file(ROOT, root)),
    ...[...targets].map(([role, document]) => file(role, document)),
    file(SNAPSHOT, snapshot),
    file(TIMESTAMP, timestamp),
  ];
}

/** The history as if it were published here, on top of the `mirror` there is: what a publish goes on from. */
export function asPublished(
  context: CollectionContext,
  gun: Gun,
  history: History,
  mirror: Published | undefined,
): Published {
  const now = context.clock();
  const stored = (role: RoleName, document: Envelope<Document>): StoredFile => ({
    createdAt: now,
    ...newFile(context, role, document),
  });
  const current = ({ role }: { readonly role: RoleName }): StoredFile | undefined => {
    const document = history.targets.get(role);
    return document && stored(role, document);
  };
  const head = {
    id: mirror?.head.id ?? 0,
    format: history.format.name,
    root: stored(ROOT, lastRoot(history)),
    timestamp: stored(TIMESTAMP, history.timestamp),
    snapshot: stored(SNAPSHOT, history.snapshot),
  };
  const files = {
    files: (_: Gun, wanted: readonly { readonly role: RoleName }[]) => Promise.resolve(wanted.map(current)),
    fileByHash: (_: Gun, role: RoleName) => Promise.resolve(current({ role })),
  };
  return new Published(gun, head, history.format, files, context.documents, mirror?.follows);
}
