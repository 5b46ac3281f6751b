import type { CollectionServer, PastVersion, VersionedRole } from '../publishing/collection-server.js';
import { withSnapshot, type Draft, type DraftContext } from '../publishing/draft.js';
import { EarlierVersions, type Missing, type PastLimits, type Unverified } from './earlier-versions.js';
import type { Fetch } from '../http/fetch.js';
import { Http } from '../http/http.js';
import { canSign, sign, type KeyRing } from '../publishing/key-ring.js';
import { expiry } from '../publishing/lifetimes.js';
import { readCollection, type OldCollection, type Source } from './old-collection.js';
import { rootAuthority } from '../publishing/role-search.js';
import { composeRoot, type RoleKeys } from '../tuf/compose.js';
import { equalBytes } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import type { FormatName } from '../tuf/formats/format.js';
import {
  formatInstant,
  instant,
  ROOT,
  SNAPSHOT,
  TIMESTAMP,
  type Instant,
  type RoleName,
  type TopLevelRole,
} from '../tuf/names.js';
import { refreshLimits } from '../tuf/refresh.js';
import { rootFileName } from '../tuf/formats/index.js';
import { encodeSegment, type RepositoryUrls } from '../http/urls.js';
import type { FlawedBody, ImportedBody } from '../http/wire.js';

/** Where a collection is to go on, and who may sign for it. */
export interface Destination {
  readonly urls: RepositoryUrls;
  readonly fetch: Fetch;
  /** Speaks the format of the collection. */
  readonly serverFor: (format: FormatName) => CollectionServer;
  readonly ring: KeyRing;
  /** How long a new root stays valid, in days; unless given a year, or as long as the one it follows. */
  readonly days?: number;
}

export interface ComingOver {
  readonly source: Source;
  readonly destination: Destination;
  /** `look`: everything is read and verified, nothing is made or sent. */
  readonly mode: 'do' | 'look';
  readonly limits?: PastLimits;
  /** Told how many earlier versions have been read. */
  readonly onProgress?: (read: number) => void;
}

/** `taken-over`: it goes on here. `mirrored`: only its owner can make it go on here. `there`: all of it came before. */
export interface CameOver {
  readonly kind: 'taken-over' | 'mirrored' | 'there';
  readonly old: OldCollection;
  readonly versions: Readonly<Record<string, number>>;
  /** Who signs snapshots from now on; undefined where nothing changes. */
  readonly snapshots: 'server' | 'owner' | undefined;
  /** RFC 3339: when what the destination hands out expires. */
  readonly timestampExpires: string;
  readonly flawed: readonly FlawedBody[];
  readonly past: {
    /** New at the destination, or, while only looking, those that would be. */
    readonly added: number;
    readonly missing: readonly Missing[];
    readonly refused: readonly (FlawedBody | Unverified)[];
    readonly cut: boolean;
  };
}

/** One upload of earlier versions. */
const BATCH = { files: 200, bytes: 8 * 1024 * 1024 } as const;

/**
 * Copies a collection from one server to another with all it was, verified on the way. Again, it copies what is new.
 * @throws CountersignError what a client of the source would refuse it with; `conflict` where the destination has gone another
 * way, `missing-key`, `unsealed`, and why the destination refuses
 */
export async function comeOver(work: ComingOver): Promise<CameOver> {
  const { source, destination } = work;
  const old = await readCollection(source);
  if (old.format.rules.targetFiles === 'hosted') throw filesToo(source.gun);
  const there = await look(work, old);
  const next = there === 'ahead' ? undefined : await nextOf(work, old);
  const skip = there === 'ahead' || (there === 'same' && next === undefined);
  const taken = skip || work.mode === 'look' ? undefined : await send(destination, old, next?.draft);
  const past = await copyPast(work, old, there !== 'nothing');
  const kind = there === 'ahead' ? 'there' : next === undefined ? 'mirrored' : 'taken-over';
  return {
    kind,
    old,
    versions: taken?.versions ?? versionsOf(old),
    snapshots: next?.snapshots,
    timestampExpires: taken?.timestampExpires ?? formatInstant(timestampOf(old)),
    flawed: taken?.flawed ?? [],
    past,
  };
}

/**
 * What the destination has: nothing; the collection as an earlier import left it, or as it is (`same`); or all of it, and a
 * root of its own on top (`ahead`). @throws CountersignError `conflict`
 */
async function look(
  { source, destination }: ComingOver,
  old: OldCollection,
): Promise<'nothing' | 'behind' | 'same' | 'ahead'> {
  const http = new Http(destination.fetch);
  const limits = refreshLimits(old.state.options);
  const fetch = (name: string, limit = limits.root): Promise<Uint8Array | undefined> =>
    http.fetchBytes(destination.urls.metadata + name, limit);
  const root = await fetch(rootFileName());
  if (root === undefined) return 'nothing';
  const { version } = old.format.parseRoot(root).signed;
  const chained = old.roots.get(version);
  if (chained !== undefined) {
    if (!equalBytes(chained, root)) throw anotherWay(source.gun, version);
    const timestamp = await fetch(`${TIMESTAMP}.json`, old.format.rules.timestampBytes);
    const current = old.current.get(TIMESTAMP);
    return timestamp !== undefined && current !== undefined && equalBytes(timestamp, current) ? 'same' : 'behind';
  }
  const last = old.state.trust.final.root;
  const same = await fetch(rootFileName(last.signed.version));
  if (same === undefined || !equalBytes(same, last.raw)) throw anotherWay(source.gun, version);
  const snapshot = old.current.get(SNAPSHOT) ?? new Uint8Array();
  const held = await fetch(`${old.format.parseSnapshot(snapshot).signed.version}.${SNAPSHOT}.json`, limits.snapshot);
  if (held !== undefined && equalBytes(held, snapshot)) return 'ahead';
  throw diverged(source.gun, version);
}

interface Next {
  readonly draft: Draft;
  readonly snapshots: 'server' | 'owner';
}

/** The root that goes on here, where this person holds the keys to sign it; and a snapshot, where that is theirs too. */
async function nextOf(work: ComingOver, old: OldCollection): Promise<Next | undefined> {
  const { source, destination, mode } = work;
  const { ring, days } = destination;
  const { format, state } = old;
  const { root } = state.trust.final;
  const authority = rootAuthority(root.signed, 'root');
  if (!(await canSign(ring, authority))) return undefined;
  const snapshots = (await canSign(ring, rootAuthority(root.signed, 'snapshot'))) ? 'owner' : 'server';
  if (mode === 'look') return { draft: new Map(), snapshots };
  const now = instant(source.now);
  const context: DraftContext = {
    format,
    crypto: source.crypto,
    ring,
    now,
    lifetimes: { ...format.rules.lifetimes, ...(days === undefined ? {} : { root: days }) },
  };
  const change: Partial<Record<TopLevelRole, RoleKeys>> = {
    timestamp: await onlineKey(work, old, 'timestamp'),
    ...(snapshots === 'server' ? { snapshot: await onlineKey(work, old, 'snapshot') } : {}),
  };
  const expires =
    days === undefined ? later(expiry(now, context.lifetimes.root), root.signed.expires) : expiry(now, days);
  const raw = await sign(context, composeRoot(format, change, expires, source.crypto, root), [authority]);
  const draft: Draft = new Map([[ROOT, raw]]);
  return { draft: snapshots === 'owner' ? await withSnapshot(context, state, draft) : draft, snapshots };
}

async function onlineKey(
  { source, destination }: ComingOver,
  { format }: OldCollection,
  role: 'timestamp' | 'snapshot',
): Promise<RoleKeys> {
  const raw = await destination.serverFor(format.name).onlineKey(role, 'current');
  return { keys: [format.parseKey(raw, source.crypto)], threshold: 1 };
}

function later(one: Instant, other: Instant): Instant {
  return one > other ? one : other;
}

function send(destination: Destination, old: OldCollection, next: Draft = new Map()): Promise<ImportedBody> {
  const { format, roots, current } = old;
  return destination.serverFor(format.name).takeOver({ roots, current, next });
}

async function copyPast(work: ComingOver, old: OldCollection, isThere: boolean): Promise<CameOver['past']> {
  const { source, destination, mode, limits, onProgress } = work;
  const http = new Http(destination.fetch);
  const most = refreshLimits(old.state.options).targets;
  const known = async ({ role, version }: VersionedRole): Promise<Uint8Array | undefined> => {
    if (!isThere) return undefined;
    const name = role.split('/').map(encodeSegment).join('/');
    return http.fetchBytes(`${destination.urls.metadata}${version}.${name}.json`, most);
  };
  const versions = new EarlierVersions(source, old, limits);
  const refused: FlawedBody[] = [];
  let added = 0;
  let read = 0;
  const flush = async (batch: readonly PastVersion[]): Promise<void> => {
    if (mode === 'look') added += batch.length;
    if (batch.length === 0 || mode === 'look') return;
    const answer = await destination.serverFor(old.format.name).addPast(batch);
    added += answer.added;
    refused.push(...answer.refused);
  };
  let batch: PastVersion[] = [];
  let bytes = 0;
  for await (const file of versions.read(known)) {
    onProgress?.((read += 1));
    if (batch.length >= BATCH.files || bytes + file.bytes.length > BATCH.bytes) {
      await flush(batch);
      [batch, bytes] = [[], 0];
    }
    batch.push(file);
    bytes += file.bytes.length;
  }
  await flush(batch);
  return { added, missing: versions.missing, refused: [...versions.unverified, ...refused], cut: versions.cut };
}

function versionsOf({ format, state, current }: OldCollection): Record<string, number> {
  const versions: Record<string, number> = { root: state.trust.final.root.signed.version };
  const version = (role: RoleName, raw: Uint8Array): number => {
    if (role === TIMESTAMP) return format.parseTimestamp(raw).signed.version;
    return (role === SNAPSHOT ? format.parseSnapshot(raw) : format.parseTargets(raw)).signed.version;
  };
  for (const [role, raw] of current) versions[role] = version(role, raw);
  return versions;
}

function timestampOf({ state }: OldCollection): Instant {
  return state.trust.snapshot.timestamp.signed.expires;
}

function filesToo(gun: string): CountersignError {
  return new CountersignError('unsupported', `${gun} is no Notary v1 collection: its targets are files of its server`, {
    next: 'Publish it at the new server; only metadata can be imported.',
  });
}

function anotherWay(gun: string, version: number): CountersignError {
  return new CountersignError('conflict', `${gun} is at the new server already, with another root version ${version}`, {
    detail: { role: ROOT, version },
    next: 'It is left alone: it does not come from the collection on the old server.',
  });
}

function diverged(gun: string, version: number): CountersignError {
  return new CountersignError(
    'conflict',
    `${gun} has diverged: it went on at the new server, with root version ${version}, and at the old one, too`,
    {
      detail: { role: ROOT, version },
      next: 'It is left alone: publish again at the new server what was published at the old one since.',
    },
  );
}
