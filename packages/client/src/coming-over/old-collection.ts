import { MemoryCache } from '../cache/cache.js';
import type { Fetch } from '../http/fetch.js';
import type { FirstTrust } from '../reading/pinning.js';
import { rootChain } from '../reading/root-chain.js';
import type { TrustedState } from '../reading/state.js';
import type { Crypto } from '../tuf/crypto.js';
import { reachableRoles } from '../tuf/delegations.js';
import { CountersignError, hasCode } from '../tuf/errors.js';
import type { Format } from '../tuf/formats/format.js';
import { ROOT, SNAPSHOT, TARGETS, TIMESTAMP, type Gun, type RoleName } from '../tuf/names.js';
import { fetchListed } from '../tuf/refresh.js';
import { listed } from '../tuf/trust.js';
import { Updater } from '../reading/updater.js';
import type { RepositoryUrls } from '../http/urls.js';

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
