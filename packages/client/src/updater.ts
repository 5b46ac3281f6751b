import { MemoryCache, type MetadataCache } from './cache.js';
import { checkHosted } from './elsewhere.js';
import type { Fetch } from './fetch.js';
import { Http } from './http.js';
import { effectiveTargets } from './listing.js';
import { firstRoot, fingerprint, pinned, type FirstTrust } from './pinning.js';
import { formatOfRoot } from './root-format.js';
import type { TrustedState } from './state.js';
import { hashPrefixed } from './stored-name.js';
import { verified } from './target-stream.js';
import type { HttpLimits } from './transfer.js';
import { baseUrl, urlUnder, type RepositoryUrls } from './urls.js';
import type { Crypto } from './tuf/crypto.js';
import { findTarget, RoleLoader, type FoundTarget } from './tuf/delegations.js';
import { CountersignError, hasCode } from './tuf/errors.js';
import type { Format } from './tuf/formats/format.js';
import { rootFileName } from './tuf/formats/index.js';
import { instant, parseTargetPath, ROOT, SNAPSHOT, TIMESTAMP, type Gun, type Instant } from './tuf/names.js';
import {
  refresh,
  refreshLimits,
  type RefreshLimits,
  type RefreshOptions,
  type RefreshPorts,
  type WantedFile,
} from './tuf/refresh.js';
import { bootstrapRoot, type RootTrust, type TargetsTrust, type TrustContext } from './tuf/trust.js';

const EPOCH = instant(0);

/** How target files are named on the server (§6.2, W8.1). */
export type TargetNaming = 'hash-prefixed' | 'plain';

export interface UpdaterOptions {
  /** `collectionUrls(server, gun)`, or the addresses of any TUF repository. */
  readonly urls: RepositoryUrls;
  readonly fetch: Fetch;
  readonly crypto: Crypto;
  /** Milliseconds since 1970; read once a refresh (§5.1). */
  readonly now: () => number;
  /** Where trusted metadata is kept between runs; in memory unless given. */
  readonly cache?: MetadataCache;
  /** Needed where the cache holds no root; where it does, a pinned root must be the one it descends from. */
  readonly firstTrust?: FirstTrust;
  /** The one format to take. Any is taken unless given: the trusted root says which it is. */
  readonly format?: Format;
  /** Needed for Notary's collections, whose root certificates are made out to a name. */
  readonly gun?: Gun;
  /** What the root's `consistent_snapshot` says unless given. */
  readonly targetNaming?: TargetNaming;
  readonly limits?: Partial<RefreshLimits>;
  readonly http?: Partial<HttpLimits>;
  /** Told of each delegated role that is done without, where the format lets its clients, and why it cannot be trusted. */
  readonly skipped?: RefreshOptions['skipped'];
  /**
   * A reader (the default) refuses what has expired. A publisher goes on with an expired root or targets role, since only a
   * publisher can replace it; a stale timestamp or snapshot stops both.
   */
  readonly purpose?: 'read' | 'publish';
}

/**
 * A client of one collection: follows its metadata from a trusted root (specification §5) and fetches its targets.
 *
 * ```ts
 * const updater = new Updater({ urls: collectionUrls(server, gun), fetch, crypto, now: Date.now, firstTrust });
 * const target = await updater.getTarget('lib/index.js');
 * if (target !== undefined) for await (const chunk of updater.openTarget(target)) …
 * ```
 */
export class Updater {
  readonly #options: UpdaterOptions;
  readonly #urls: RepositoryUrls;
  readonly #cache: MetadataCache;
  readonly #http: Http;
  #state: Promise<TrustedState> | undefined;

  /** @throws CountersignError `usage` where a URL or a pinned fingerprint cannot be read */
  constructor(options: UpdaterOptions) {
    this.#options = options;
    this.#urls = { metadata: baseUrl(options.urls.metadata), targets: baseUrl(options.urls.targets) };
    this.#cache = options.cache ?? new MemoryCache();
    this.#http = new Http(options.fetch, options.http);
    pinned(options.firstTrust, options.crypto);
  }

  /**
   * Brings the trusted metadata up to date; everything read afterwards is of this state, judged at this moment.
   * @throws CountersignError named after what was prevented; what was trusted before stays in the cache
   */
  async refresh(): Promise<TargetsTrust> {
    return (await this.#start()).trust;
  }

  /** The state of the last refresh, or of a first one now. @throws CountersignError as `refresh` */
  state(): Promise<TrustedState> {
    return this.#state ?? this.#start();
  }

  /**
   * What the collection says of the target at `path`; undefined where no trusted role describes it.
   * @throws CountersignError as `refresh`, and where a role on the way cannot be verified
   */
  async getTarget(path: string): Promise<FoundTarget | undefined> {
    const { trust, options, loader } = await this.state();
    return findTarget(trust, parseTargetPath(path), options, loader);
  }

  /** Every target `getTarget` would find, each once, with the role that speaks for it. Hash bins are not opened. */
  async *listTargets(): AsyncGenerator<FoundTarget, void, undefined> {
    yield* effectiveTargets(await this.state());
  }

  /**
   * The bytes of a target. The last chunk comes only when all were found to be the signed ones; until then what has been read
   * must not be used. `downloadTarget` of the Node part keeps to this for files.
   * @throws CountersignError `arbitrary-software`, `endless-data`, `unavailable`, `network`; `not-found` where the server has
   * no such file, or where targets of the format are no files of a server (Notary v1) and `targetNaming` does not say otherwise
   */
  async *openTarget(target: FoundTarget): AsyncGenerator<Uint8Array, void, undefined> {
    const { trust } = await this.state();
    if (this.#options.targetNaming === undefined) checkHosted(target, trust.final.context);
    const naming =
      this.#options.targetNaming ?? (trust.final.root.signed.consistentSnapshot ? 'hash-prefixed' : 'plain');
    const url = urlUnder(this.#urls.targets, naming === 'plain' ? target.path : hashPrefixed(target));
    yield* verified(this.#http.fetchTarget(url, target.file.length), target, this.#options.crypto);
  }

  async #start(): Promise<TrustedState> {
    const pending = this.#refresh();
    this.#state = pending;
    try {
      return await pending;
    } catch (error) {
      if (this.#state === pending) this.#state = undefined;
      throw error;
    }
  }

  async #refresh(): Promise<TrustedState> {
    const now = instant(this.#options.now());
    const { limits, skipped } = this.#options;
    const settings = { ...(limits === undefined ? {} : { limits }), ...(skipped === undefined ? {} : { skipped }) };
    const root = await this.#startingRoot(now, refreshLimits(settings).root);
    const options: RefreshOptions = { ports: this.#ports(root.context.format), ...settings };
    const trust = await refresh(root, options);
    return { trust, options, loader: new RoleLoader(trust, options) };
  }

  #context(format: Format, now: Instant): TrustContext {
    const { gun, crypto, purpose } = this.#options;
    return {
      format,
      crypto,
      judgeAt: (role) => (purpose === 'publish' && role !== TIMESTAMP && role !== SNAPSHOT ? EPOCH : now),
      now,
      ...(gun === undefined ? {} : { gun }),
    };
  }

  #fetch(name: string, maxBytes: number): Promise<Uint8Array | undefined> {
    return this.#http.fetchBytes(this.#urls.metadata + name, maxBytes);
  }

  #ports(format: Format): RefreshPorts {
    return {
      fetch: (file, maxBytes) => this.#fetch(format.fileName(file.role, file), maxBytes),
      cached: (role) => this.#cache.load(role),
      save: (role, raw) => this.#cache.save(role, raw),
    };
  }

  /** The cached root where it descends from the pinned one, else the first root, checked and then kept (§5.2). */
  async #startingRoot(now: Instant, maxBytes: number): Promise<RootTrust> {
    const { crypto, firstTrust } = this.#options;
    const pin = pinned(firstTrust, crypto);
    const cached = await this.#cache.load(ROOT);
    if (cached !== undefined && (pin === undefined || pin === (await this.#cache.anchor()))) {
      return this.#cachedRoot(cached, now);
    }
    const fetchRoot = ({ version }: WantedFile): Promise<Uint8Array | undefined> =>
      this.#fetch(rootFileName(version), maxBytes);
    const { raw, believed } = await firstRoot(firstTrust, fetchRoot, { crypto, now });
    const trust = await bootstrapRoot(
      this.#context(formatOfRoot(raw, this.#options.format), now),
      raw,
      'new',
      believed,
    );
    await this.#cache.startFrom(raw, pin ?? fingerprint(raw, crypto));
    return trust;
  }

  async #cachedRoot(raw: Uint8Array, now: Instant): Promise<RootTrust> {
    try {
      return await bootstrapRoot(this.#context(formatOfRoot(raw, this.#options.format), now), raw, 'previous');
    } catch (error) {
      if (hasCode(error, 'unsupported')) throw error;
      throw new CountersignError('untrusted-root', 'the saved root of this collection is damaged', {
        cause: error,
        next: 'Remove the saved metadata of this collection and give --root or --root-fingerprint again.',
      });
    }
  }
}
