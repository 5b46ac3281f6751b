import { MemoryCache, type MetadataCache } from '../cache/cache.js';
import { CurrentState } from './current-state.js';
import { checkHosted } from './elsewhere.js';
import type { UpdateEvent } from './events.js';
import type { Fetch } from '../http/fetch.js';
import { gather } from '../http/gather.js';
import { Http } from '../http/http.js';
import { keptState } from './kept-state.js';
import { effectiveTargets } from './listing.js';
import { pinned, type FirstTrust } from './pinning.js';
import { refreshFrom, type RefreshSettings } from './refreshing.js';
import type { StartingRootSettings } from './starting-root.js';
import type { TrustedState } from './state.js';
import { storedName, type TargetNaming } from './stored-name.js';
import { verified } from './target-stream.js';
import type { HttpLimits } from '../http/transfer.js';
import { baseUrl, urlUnder, type RepositoryUrls } from '../http/urls.js';
import type { Crypto } from '../tuf/crypto.js';
import { findTarget, type FoundTarget } from '../tuf/delegations.js';
import { CountersignError } from '../tuf/errors.js';
import type { Floors } from '../tuf/floors.js';
import type { Format } from '../tuf/formats/format.js';
import { instant, parseRoleName, parseTargetPath, type Gun, type Instant } from '../tuf/names.js';
import { refreshLimits, type RefreshLimits, type RefreshOptions } from '../tuf/refresh.js';
import type { TargetsTrust } from '../tuf/trust.js';

export type Purpose = StartingRootSettings['purpose'];

export interface UpdaterOptions {
  /** `collectionUrls(server, gun)`, or the addresses of any TUF repository. */
  readonly urls: RepositoryUrls;
  readonly crypto: Crypto;
  /** The platform's own unless given. */
  readonly fetch?: Fetch;
  /**
   * Milliseconds since 1970; read once a refresh (§5.1), and after one that failed at each use. The platform's clock unless
   * given.
   */
  readonly now?: () => number;
  /** Where trusted metadata is kept between runs; in memory unless given. */
  readonly cache?: MetadataCache;
  /** Needed where the cache holds no root; where it does, a pinned root must be the one it descends from. */
  readonly firstTrust?: FirstTrust;
  /**
   * Versions by role that were recorded elsewhere than in the cache, as in a `trust.lock`: an older state is refused
   * (`rollback`) before anything of it is used or saved, also where the cache is empty.
   */
  readonly floors?: Readonly<Record<string, number>>;
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
   * publisher can replace it; a stale timestamp or snapshot stops both. Who copies a collection goes on whatever has expired.
   */
  readonly purpose?: Purpose;
  /**
   * Seconds by which the clock may be behind the last successful refresh of the cache; further back a refresh is refused
   * (`clock`), since old metadata would be fresh again. Unless given, the clock is believed.
   */
  readonly clockTolerance?: number;
  /** Told of what is going on, while it goes on. */
  readonly onEvent?: (event: UpdateEvent) => void;
}

export type { TargetNaming } from './stored-name.js';

/** What may end an operation before its time; it then fails with the signal's own reason. */
export interface Interruptible {
  readonly signal?: AbortSignal;
}

export interface RefreshCallOptions extends Interruptible {
  /**
   * Seconds. A state that was refreshed no longer ago, by any client of the same cache, is taken as it is, without a request:
   * nothing newer is seen for so long. Everything is verified and judged by the clock all the same. 0 unless given.
   */
  readonly maxStale?: number;
}

export interface DownloadOptions extends Interruptible {
  /** Bytes received so far; the whole is `target.file.length`. */
  readonly onProgress?: (bytes: number) => void;
}

/** Takes a target's bytes. The last chunk comes only when all of them were found to be the signed ones. */
export type TargetSink<T> = (target: FoundTarget, chunks: AsyncIterable<Uint8Array>) => Promise<T>;

/**
 * A client of one collection: follows its metadata from a trusted root (specification §5) and fetches its targets.
 *
 * ```ts
 * const updater = new Updater({ urls: collectionUrls(server, gun), crypto, firstTrust });
 * await updater.refresh();
 * const target = await updater.find('lib/index.js');
 * if (target !== undefined) await updater.download(target, intoFile('index.js'));
 * ```
 */
export class Updater {
  readonly #options: UpdaterOptions;
  readonly #settings: RefreshSettings;
  readonly #urls: RepositoryUrls;
  readonly #http: Http;
  readonly #current: CurrentState<number>;
  #newestRoot = 0;

  /** @throws CountersignError `usage` where a URL, a pinned fingerprint, a floor or a limit cannot be read */
  constructor(options: UpdaterOptions) {
    this.#options = options;
    this.#urls = { metadata: baseUrl(options.urls.metadata), targets: baseUrl(options.urls.targets) };
    this.#http = new Http(options.fetch ?? globalFetch, options.http);
    pinned(options.firstTrust, options.crypto);
    refreshLimits(options);
    const { crypto, firstTrust, format, gun, limits, skipped, clockTolerance, onEvent } = options;
    const floors = options.floors === undefined ? undefined : readFloors(options.floors);
    this.#settings = {
      metadata: this.#urls.metadata,
      http: this.#http,
      cache: options.cache ?? new MemoryCache(),
      purpose: options.purpose ?? 'read',
      ...{ crypto, firstTrust, format, gun, limits, skipped, floors, clockTolerance, onEvent },
    };
    this.#current = new CurrentState({
      refresh: (maxStale, signal) => this.#refresh(maxStale, signal),
      kept: (state) => keptState(state, this.#settings, { now: this.#now(), newestRoot: this.#newestRoot }),
      unasked: 0,
    });
  }

  /**
   * Brings the trusted metadata up to date; everything read afterwards is of this state, judged at this moment. Where it fails,
   * what was read from before is read from on, until it expires.
   * @throws CountersignError named after what was prevented; what was trusted before stays in the cache
   */
  async refresh({ signal, maxStale = 0 }: RefreshCallOptions = {}): Promise<TargetsTrust> {
    return (await this.#current.refresh(maxStale, signal)).trust;
  }

  /**
   * The state of the last refresh that succeeded, or of a first one now. After one that failed, a state that has expired since,
   * or whose root has been replaced, is none: then it is refreshed first. @throws CountersignError as `refresh`
   */
  state({ signal }: Interruptible = {}): Promise<TrustedState> {
    return this.#current.get(signal);
  }

  /**
   * What the collection says of the target at `path`; undefined where no trusted role describes it.
   * @throws CountersignError as `refresh`, and where a role on the way cannot be verified
   */
  async find(path: string, { signal }: Interruptible = {}): Promise<FoundTarget | undefined> {
    const target = parseTargetPath(path);
    const { trust, loader, options } = await this.#until(signal);
    return findTarget(trust, target, options, loader);
  }

  /**
   * Every target `find` would find, each once, with the role that speaks for it. Hash bins are not opened.
   * @throws CountersignError as `find`, and `too-many` beyond `limits.reachable`
   */
  async *list({ signal }: Interruptible = {}): AsyncGenerator<FoundTarget, void, undefined> {
    for await (const target of effectiveTargets(await this.#until(signal))) {
      signal?.throwIfAborted();
      yield target;
    }
  }

  /**
   * The verified bytes of a target; or what `into` makes of them, `intoFile` of the Node part for one.
   * @throws CountersignError as `open`, and what `into` throws
   */
  async download(target: FoundTarget, into?: undefined, options?: DownloadOptions): Promise<Uint8Array>;
  async download<T>(target: FoundTarget, into: TargetSink<T>, options?: DownloadOptions): Promise<T>;
  async download<T>(
    target: FoundTarget,
    into: TargetSink<T | Uint8Array> = intoMemory,
    options: DownloadOptions = {},
  ): Promise<T | Uint8Array> {
    return into(target, this.open(target, options));
  }

  /**
   * The bytes of a target. The last chunk comes only when all were found to be the signed ones; until then what has been read
   * must not be used. No request is made before the first chunk is asked for.
   * @throws CountersignError `arbitrary-software`, `endless-data`, `unavailable`, `network`; `not-found` where the server has
   * no such file, or where targets of the format are no files of a server (Notary v1) and `targetNaming` does not say otherwise
   */
  async *open(target: FoundTarget, options: DownloadOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const { signal, onProgress } = options;
    const { trust } = await this.state(options);
    if (this.#options.targetNaming === undefined) checkHosted(target, trust.final.context);
    const naming =
      this.#options.targetNaming ?? (trust.final.root.signed.consistentSnapshot ? 'hash-prefixed' : 'plain');
    const url = urlUnder(this.#urls.targets, storedName(target, naming));
    const chunks = this.#http.fetchTarget(url, target.file.length, {
      ...(signal === undefined ? {} : { signal }),
      ...(onProgress === undefined ? {} : { onBytes: onProgress }),
    });
    yield* verified(chunks, target, this.#options.crypto);
  }

  /** The state, whose further reading `signal` ends. */
  async #until(signal: AbortSignal | undefined): Promise<Pick<TrustedState, 'trust' | 'options' | 'loader'>> {
    const { trust, options, loader, optionsUntil } = await this.#current.get(signal);
    if (signal === undefined) return { trust, options, loader };
    const until = optionsUntil(signal);
    return { trust, options: until, loader: loader.with(until) };
  }

  #refresh(maxStale: number, signal: AbortSignal): Promise<TrustedState> {
    const { cache } = this.#settings;
    const onRoot = (version: number): void => {
      this.#newestRoot = Math.max(this.#newestRoot, version);
    };
    const begin = async (): Promise<TrustedState> =>
      refreshFrom(this.#settings, { now: this.#now(), signal, maxStale, onRoot });
    return cache.alone === undefined ? begin() : cache.alone(begin, signal);
  }

  #now(): Instant {
    return instant((this.#options.now ?? Date.now)());
  }
}

function readFloors(floors: Readonly<Record<string, number>>): Floors {
  return new Map(
    Object.entries(floors).map(([role, version]) => {
      if (Number.isSafeInteger(version) && version >= 1) return [parseRoleName(role), version];
      throw new CountersignError('usage', `the floor of ${role} is ${version}, which is no version`, {
        next: 'Give whole numbers from 1.',
      });
    }),
  );
}

const globalFetch: Fetch = (url, init) => fetch(url, init);

function intoMemory({ file }: FoundTarget, chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return gather(chunks, file.length, file.length);
}
