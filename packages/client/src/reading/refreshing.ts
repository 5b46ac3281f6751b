import { CacheView } from '../cache/cache-view.js';
import type { MetadataCache } from '../cache/cache.js';
import { checkClock, explainClock } from './clock.js';
import { askEarly } from './early-question.js';
import type { UpdateEvent } from './events.js';
import type { Http } from '../http/http.js';
import type { FirstTrust } from './pinning.js';
import { Repository } from './repository.js';
import { StartingRoot, type StartingRootSettings } from './starting-root.js';
import type { TrustedState } from './state.js';
import { UpdatingPorts, type Way } from './updating-ports.js';
import type { Crypto } from '../tuf/crypto.js';
import { RoleLoader } from '../tuf/delegations.js';
import { CountersignError } from '../tuf/errors.js';
import type { Floors } from '../tuf/floors.js';
import type { Format } from '../tuf/formats/format.js';
import { ROOT, TIMESTAMP, type Gun, type Instant, type Version } from '../tuf/names.js';
import { refresh, refreshLimits, type RefreshLimits, type RefreshOptions, type RefreshPorts } from '../tuf/refresh.js';
import type { RootTrust, TargetsTrust } from '../tuf/trust.js';

/** What does not change from one refresh of a client to the next. */
export interface RefreshSettings {
  /** Base URL of the metadata, ending in a slash. */
  readonly metadata: string;
  readonly http: Http;
  readonly crypto: Crypto;
  readonly cache: MetadataCache;
  readonly firstTrust: FirstTrust | undefined;
  readonly format: Format | undefined;
  readonly gun: Gun | undefined;
  readonly limits: Partial<RefreshLimits> | undefined;
  readonly skipped: RefreshOptions['skipped'];
  readonly floors: Floors | undefined;
  readonly purpose: StartingRootSettings['purpose'];
  /** Seconds; undefined: the clock is not guarded. */
  readonly clockTolerance: number | undefined;
  readonly onEvent: ((event: UpdateEvent) => void) | undefined;
}

/** One refresh: its reference time (§5.1), and what may make it shorter. */
export interface RefreshCall {
  readonly now: Instant;
  readonly signal: AbortSignal | undefined;
  /** Seconds; a state refreshed no longer ago is taken as it is saved, if it still verifies. */
  readonly maxStale: number;
  /** Told of each newer root that was found genuine, before it is saved: that may fail. */
  readonly onRoot: (version: Version) => void;
}

/**
 * Brings what the cache holds up to date.
 * @throws CountersignError named after what was prevented; what was trusted before stays in the cache. The signal's own reason
 */
export async function refreshFrom(settings: RefreshSettings, call: RefreshCall): Promise<TrustedState> {
  const { refreshedAt, updates } = await settings.cache.notes();
  checkClock(refreshedAt, call.now, settings.clockTolerance);
  if (isRecent(refreshedAt, call)) {
    const resumed = await new Refresh(settings, call, refreshedAt).resume();
    if (resumed !== undefined) return resumed;
  }
  const first = new Refresh(settings, call, refreshedAt);
  try {
    return await first.run('any', updates);
  } catch (error) {
    // The short way is a hint: wherever it led, the specification's own way decides.
    if (!first.tookShortWay || !(error instanceof CountersignError)) throw explainClock(error, call.now, first.clock);
  }
  const second = new Refresh(settings, call, refreshedAt);
  try {
    return await second.run('file by file');
  } catch (error) {
    throw explainClock(error, call.now, second.clock);
  }
}

function isRecent(refreshedAt: Instant | undefined, { now, maxStale }: RefreshCall): boolean {
  return refreshedAt !== undefined && refreshedAt <= now && now - refreshedAt < maxStale * 1000;
}

/** What `work` comes to, when all that was found trustworthy on the way is saved; also where it fails. */
async function settled<T>(ports: UpdatingPorts, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } finally {
    await ports.settle();
  }
}

class Refresh {
  readonly #settings: RefreshSettings;
  readonly #call: RefreshCall;
  readonly #refreshedAt: Instant | undefined;
  readonly #repository: Repository;
  #ports: UpdatingPorts | undefined;

  /** `refreshedAt`: when the cache was last refreshed. */
  constructor(settings: RefreshSettings, call: RefreshCall, refreshedAt: Instant | undefined) {
    this.#settings = settings;
    this.#call = call;
    this.#refreshedAt = refreshedAt;
    this.#repository = new Repository(settings, call.signal);
  }

  get tookShortWay(): boolean {
    return this.#ports?.tookShortWay ?? false;
  }

  /** The server's own time, as it says. */
  get clock(): number | undefined {
    return this.#repository.clock;
  }

  async run(...way: Way): Promise<TrustedState> {
    const { cache, onEvent } = this.#settings;
    const view = await CacheView.open(cache, () => onEvent?.({ kind: 'overtaken' }));
    const limits = refreshLimits(this.#limits());
    const [, offered] = way;
    const parts = { repository: this.#repository, limits };
    const early =
      offered === undefined ? undefined : await askEarly(offered, { ...parts, view, signal: this.#call.signal });
    try {
      const root = await this.#startingRoot(view);
      const { context } = root;
      const ports = new UpdatingPorts({ ...parts, context, ports: this.#filePorts(view, root), early }, way);
      this.#ports = ports;
      const trust = await settled(ports, refresh(root, { ...this.#limits(), ports }));
      // Versions of files that another client kept from being saved would have the server leave those out.
      const notes = view.overtaken ? {} : ports.notesAfter(trust);
      await cache.saveNotes({ refreshedAt: this.#floor(), ...notes });
      return this.#stateOf(trust, view, root);
    } finally {
      early?.drop();
    }
  }

  /** The saved state, without a request; undefined where it is not whole, or no longer stands by itself. */
  async resume(): Promise<TrustedState | undefined> {
    const view = await CacheView.open(this.#settings.cache);
    if ((await view.load(ROOT)) === undefined) return undefined;
    const saved: RefreshPorts = {
      fetch: ({ role }) => (role === TIMESTAMP ? view.load(TIMESTAMP) : Promise.resolve(undefined)),
      cached: (role) => view.load(role),
      save: () => Promise.resolve(),
    };
    try {
      const root = await this.#startingRoot(view);
      return this.#stateOf(await refresh(root, { ...this.#limits(), ports: saved }), view, root);
    } catch (error) {
      if (error instanceof CountersignError) return undefined;
      throw error;
    }
  }

  #startingRoot(view: CacheView): Promise<RootTrust> {
    const { root } = refreshLimits(this.#limits());
    return new StartingRoot(this.#settings, this.#call.now).open(view, (name) => this.#repository.file(name, root));
  }

  /** Every file by itself, as the specification says. */
  #filePorts(view: CacheView, { context }: RootTrust, repository = this.#repository): RefreshPorts {
    const { onEvent } = this.#settings;
    const { onRoot } = this.#call;
    return {
      fetch: (file, maxBytes) => repository.file(context.format.fileName(file.role, file), maxBytes),
      cached: (role) => view.load(role),
      save: async (role, raw, version) => {
        if (role === ROOT) onRoot(version);
        await view.save(role, raw);
        onEvent?.({ kind: 'trusted', role, bytes: raw.length });
      },
    };
  }

  #stateOf(trust: TargetsTrust, view: CacheView, root: RootTrust): TrustedState {
    const optionsUntil = (signal: AbortSignal | undefined): RefreshOptions => ({
      ...this.#limits(),
      ports: this.#filePorts(view, root, new Repository(this.#settings, signal)),
    });
    const options = optionsUntil(undefined);
    return { trust, options, loader: new RoleLoader(trust, options), optionsUntil };
  }

  /** A guarded clock that goes back a little each time must not go back far. */
  #floor(): Instant {
    const { now } = this.#call;
    const before = this.#refreshedAt;
    return this.#settings.clockTolerance === undefined || before === undefined || before < now ? now : before;
  }

  #limits(): Omit<RefreshOptions, 'ports'> {
    const { limits, skipped, floors } = this.#settings;
    return {
      ...(limits === undefined ? {} : { limits }),
      ...(skipped === undefined ? {} : { skipped }),
      ...(floors === undefined ? {} : { floors }),
    };
  }
}
