import { MemoryCache } from './cache.js';
import type { Fetch } from './fetch.js';
import { Http } from './http.js';
import type { FirstTrust } from './pinning.js';
import type { TrustedState } from './state.js';
import type { Crypto } from './tuf/crypto.js';
import { reachableRoles } from './tuf/delegations.js';
import { CountersignError, hasCode } from './tuf/errors.js';
import type { Format } from './tuf/formats/format.js';
import { rootFileName } from './tuf/formats/index.js';
import { instant, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, type Gun, type RoleName, type Version } from './tuf/names.js';
import { fetchListed, refreshLimits } from './tuf/refresh.js';
import { acceptRoot, bootstrapRoot, listed, type TrustContext } from './tuf/trust.js';
import { Updater } from './updater.js';
import type { RepositoryUrls } from './urls.js';

/** Where a collection is copied from, and why what is there is believed. */
export interface Source {
  readonly gun: Gun;
  readonly urls: RepositoryUrls;
  readonly fetch: Fetch;
  readonly crypto: Crypto;
  readonly firstTrust: FirstTrust;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Told of each delegated role that cannot be verified. */
  readonly skipped: (role: RoleName, why: CountersignError) => void;
}

/** What is current of a collection, and how it came to its root: verified as its clients do, whether it has expired or not. */
export interface OldCollection {
  readonly format: Format;
  readonly state: TrustedState;
  /** What was trusted, and why, for who goes on with it. */
  readonly cache: MemoryCache;
  /** By version, without gaps, up to the current one. */
  readonly roots: ReadonlyMap<number, Uint8Array>;
  /** Timestamp, snapshot and every targets role there is. */
  readonly current: ReadonlyMap<RoleName, Uint8Array>;
}

/** As many roots are copied; a chain is that long after an owner has changed keys every week for twenty years. */
const MOST_ROOTS = 1_000;
/** As many delegated roles, of a collection that fits one upload. */
const MOST_ROLES = 1_000;

/** @throws CountersignError what a client would refuse the collection with, `too-many` */
export async function readCollection(source: Source): Promise<OldCollection> {
  const cache = new MemoryCache();
  const { gun, urls, fetch, crypto, firstTrust, now, skipped } = source;
  const options = { gun, urls, fetch, crypto, firstTrust, cache, skipped, purpose: 'copy', now: () => now } as const;
  const state = await new Updater(options).state();
  const { format } = state.trust.final.context;
  const roots = await rootChain(source, state);
  const current = new Map<RoleName, Uint8Array>();
  for (const role of [TIMESTAMP, SNAPSHOT, TARGETS]) {
    const raw = await cache.load(role);
    if (raw !== undefined) current.set(role, raw);
  }
  for await (const { role, targets } of reachableRoles(state.trust, state.options, state.loader))
    current.set(role, targets.raw);
  await addUnreachable(state, current);
  return { format, state, cache, roots, current };
}

/** The roots down to the first there is, each verified by the one it is followed by. */
async function rootChain(source: Source, { trust, options }: TrustedState): Promise<ReadonlyMap<number, Uint8Array>> {
  const http = new Http(source.fetch);
  const { format, crypto, judgeAt } = trust.final.context;
  const context: TrustContext = { format, crypto, gun: source.gun, judgeAt, now: instant(source.now), roots: 'past' };
  let next = trust.final.root;
  const found = [next];
  for (let version = next.signed.version - 1; version > 0; version -= 1) {
    const url = source.urls.metadata + rootFileName(version as Version);
    const raw = await http.fetchBytes(url, refreshLimits(options).root);
    if (raw === undefined) break;
    if (found.length >= MOST_ROOTS) throw tooMany(`more than ${MOST_ROOTS} roots`, MOST_ROOTS);
    const earlier = await bootstrapRoot(context, raw, 'previous');
    if (earlier.root.signed.version !== version) throw misnamed(version, earlier.root.signed.version);
    await acceptRoot(earlier, next.raw);
    next = earlier.root;
    found.push(next);
  }
  return new Map(found.reverse().map(({ signed, raw }) => [signed.version, raw]));
}

/** Those that clients pass over belong to the collection too: the snapshot lists them. */
async function addUnreachable({ trust, options }: TrustedState, current: Map<RoleName, Uint8Array>): Promise<void> {
  for (const role of trust.snapshot.signed.meta.keys()) {
    if (role === ROOT || current.has(role)) continue;
    if (current.size > MOST_ROLES) throw tooMany(`more than ${MOST_ROLES} roles`, MOST_ROLES);
    try {
      current.set(role, await fetchListed(trust.snapshot, role, listed(trust.snapshot, role), options));
    } catch (error) {
      if (!hasCode(error, 'not-found')) throw error;
      options.skipped?.(role, error);
    }
  }
}

function tooMany(what: string, limit: number): CountersignError {
  return new CountersignError('too-many', `the collection has ${what}`, {
    detail: { limit },
    next: 'Whoever runs the server can move it with its database.',
  });
}

function misnamed(asked: number, version: number): CountersignError {
  return new CountersignError('mix-and-match', `root version ${version} is served as version ${asked}`, {
    detail: { role: ROOT, version, current: asked },
  });
}
