import { authenticated } from '../http/authenticated.js';
import type { MetadataCache } from '../cache/cache.js';
import { CollectionServer } from '../publishing/collection-server.js';
import type { Fetch } from '../http/fetch.js';
import type { KeyRing } from '../publishing/key-ring.js';
import type { CollectionHome, Home } from '../node/home.js';
import { fingerprint, type FirstTrust } from '../reading/pinning.js';
import { Publisher, type PublisherOptions } from '../publishing/publisher.js';
import { loginCommand, registryOf } from '../http/registry.js';
import { findRole } from '../publishing/role-search.js';
import { formatOfRoot } from '../reading/root-format.js';
import { similar } from '../similar.js';
import type { Credentials } from '../http/token-exchange.js';
import type { Crypto } from '../tuf/crypto.js';
import { CountersignError, hasCode } from '../tuf/errors.js';
import type { Format } from '../tuf/formats/format.js';
import type { Targets } from '../tuf/model.js';
import { parseSaneRoleName, ROOT, TARGETS, type Gun, type RoleName } from '../tuf/names.js';
import { lockedTrust } from '../reading/trust-lock.js';
import { Updater, type UpdaterOptions } from '../reading/updater.js';
import type { TrustedState } from '../reading/state.js';
import { baseUrl, collectionUrls, type RepositoryUrls } from '../http/urls.js';
import { reading, type Bundled } from './trust/bundled.js';
import { telling } from './trust/first-use.js';
import { firstTrustIn } from './trust/first-trust.js';
import { commandLine, sameServer } from './hint.js';
import { explainLocked, type Locked } from './trust/locked.js';
import { explainAbsent, noTrustedRoot, nothingKnown } from './trust/unknown-collection.js';
import type { CommonOptions } from './options.js';
import type { Output } from './terminal/output.js';

/** What a collection needs of the run of the command it belongs to. */
export interface CollectionContext {
  readonly options: CommonOptions;
  readonly home: Pick<Home, 'collections'>;
  readonly output: Pick<Output, 'note'>;
  readonly crypto: Crypto;
  readonly ring: KeyRing;
  readonly fetch: Fetch;
  /** A bearer token for the server, instead of one from its token server. */
  readonly token: (variable: TokenVariable) => string | undefined;
  readonly login: (registry: string) => Promise<Credentials | undefined>;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly open: PublisherOptions['open'];
  readonly wait: PublisherOptions['wait'];
}

/** Where a token is given for one server: that of `--from` has its own, since what one server is told the other must not learn. */
export type TokenVariable = 'COUNTERSIGN_TOKEN' | 'COUNTERSIGN_FROM_TOKEN';

/** How a collection is come to. */
export interface Approach {
  readonly server: string | undefined;
  /** What a `trust.lock` says of it, which is then what is believed. */
  readonly locked?: Locked | undefined;
  /** Read instead of the server. */
  readonly bundled?: Bundled | undefined;
  /** `anonymous`: nobody here has named the server, which therefore is told no secrets. */
  readonly as: 'user' | 'anonymous';
  /** Unless given, COUNTERSIGN_TOKEN. */
  readonly token?: TokenVariable;
}

/** One collection as the verbs see it: what is kept of it here, and its server. */
export class Collection {
  readonly home: CollectionHome;
  /** Brings what its server wants to know of who asks. */
  readonly fetch: Fetch;
  readonly #context: CollectionContext;
  readonly #server: string | undefined;
  readonly #approach: Approach;

  constructor(context: CollectionContext, home: CollectionHome, approach: Approach) {
    this.#context = context;
    this.home = home;
    this.#approach = approach;
    this.#server = approach.server === undefined ? undefined : baseUrl(approach.server);
    this.fetch =
      this.#server === undefined || approach.as === 'anonymous'
        ? context.fetch
        : authenticatedFetch(context, home.gun, this.#server, approach.token ?? 'COUNTERSIGN_TOKEN');
  }

  get gun(): Gun {
    return this.home.gun;
  }

  /** @throws CountersignError `usage` where no server is known */
  get serverUrl(): string {
    if (this.#server !== undefined) return this.#server;
    throw new CountersignError('usage', `no server is known for ${this.gun}`, {
      next: 'Give --server URL, or set COUNTERSIGN_SERVER.',
    });
  }

  /** Where it is read from, in words. */
  get place(): string {
    return this.bundled?.path ?? this.serverUrl;
  }

  /** The bundle it is read from; undefined where that is its server. */
  get bundled(): Bundled | undefined {
    return this.#approach.bundled;
  }

  /** `countersign VERB NAME …` for people to paste. */
  command(verb: string, ...more: readonly string[]): string {
    return commandLine(...verb.split(' '), this.gun, ...more, ...sameServer(this.#context.options));
  }

  /** The known collection whose name this one's was probably meant to be. */
  async similar(): Promise<Gun | undefined> {
    return similar(this.gun, await this.#context.home.collections());
  }

  get urls(): RepositoryUrls {
    return collectionUrls(this.serverUrl, this.gun);
  }

  /** Its server, asked for keys of a format. */
  server(format: Format): CollectionServer {
    return new CollectionServer({ urls: this.urls, fetch: this.fetch, format: format.name });
  }

  /** A client that keeps what it trusts in the home directory. */
  async updater(purpose: 'read' | 'publish'): Promise<Updater> {
    const { crypto, output } = this.#context;
    const trust = await this.#trust(purpose);
    const bundled = this.#approach.bundled;
    return new Updater({
      crypto,
      purpose,
      gun: this.gun,
      skipped: (role, why) => output.note(`${role} is left out, since it cannot be trusted: ${why.message}`),
      ...trust,
      ...(bundled === undefined
        ? { urls: this.urls, fetch: this.fetch, now: () => this.#context.now }
        : reading(bundled, trust.cache)),
    });
  }

  /** Whom to believe, and where it is kept what follows from that. */
  async #trust(
    purpose: 'read' | 'publish',
  ): Promise<Pick<UpdaterOptions, 'firstTrust' | 'floors'> & { readonly cache: MetadataCache }> {
    const { crypto, output } = this.#context;
    const { bundled, locked } = this.#approach;
    const entry = locked?.entry;
    if (entry !== undefined) {
      const hash = fingerprint(entry.root, crypto).slice('sha256:'.length);
      return { ...lockedTrust(entry), cache: this.home.locked(hash) };
    }
    const cache = this.home.metadata;
    const firstTrust = await this.firstTrust();
    if (firstTrust === undefined && (await cache.load(ROOT)) === undefined)
      throw purpose === 'publish'
        ? await nothingKnown(this)
        : await noTrustedRoot(this, bundled === undefined ? '--trust-on-first-use' : '--lock FILE');
    if (firstTrust === undefined) return { cache };
    return { firstTrust, cache: firstTrust.kind === 'trust-on-first-use' ? telling(cache, output) : cache };
  }

  /** An updater that has seen the newest state; the server is remembered. @throws CountersignError as `Updater.refresh` */
  async refreshed(
    purpose: 'read' | 'publish' = 'read',
  ): Promise<{ readonly updater: Updater; readonly state: TrustedState }> {
    const { maxStale } = this.#context.options;
    const updater = await this.updater(purpose);
    try {
      await updater.refresh(purpose === 'read' && maxStale !== undefined ? { maxStale } : {});
    } catch (error) {
      throw await this.#explained(error);
    }
    const { locked, bundled } = this.#approach;
    if (locked === undefined && bundled === undefined && (await this.home.record()) === undefined)
      await this.home.saveRecord({ server: this.serverUrl });
    return { updater, state: await updater.state() };
  }

  async publisher(onProgress?: PublisherOptions['onProgress']): Promise<Publisher> {
    const { crypto, ring, open, wait, options } = this.#context;
    const format = await this.format();
    const days = options.expires;
    return new Publisher({
      server: this.server(format),
      updater: await this.updater('publish'),
      ring,
      format,
      crypto,
      open,
      wait,
      now: () => this.#context.now,
      random: Math.random,
      ...(days === undefined ? {} : { lifetimes: { root: days, targets: days } }),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
  }

  /** The version of a targets role this person has last seen; undefined before its first. Asks the server only the first time. */
  async lastSeen(role: RoleName): Promise<Targets | undefined> {
    const cached = await this.home.metadata.load(role);
    if (cached !== undefined) return (await this.format()).parseTargets(cached).signed;
    if ((await this.home.firstRoot()) !== undefined) return undefined;
    const { state } = await this.refreshed('publish');
    return (await findRole(state, role)).current?.signed;
  }

  /** What its root says, which is asked for where it is not known yet. @throws CountersignError as `refreshed` */
  async format(): Promise<Format> {
    const known = await this.knownFormat();
    if (known !== undefined) return known;
    return (await this.refreshed('publish')).state.trust.final.context.format;
  }

  /** What the root that is known here says; undefined where none is. */
  async knownFormat(): Promise<Format | undefined> {
    const root = (await this.home.metadata.load(ROOT)) ?? (await this.home.firstRoot());
    return root === undefined ? undefined : formatOfRoot(root);
  }

  /** Why its first root is to be believed, as the options say. */
  async firstTrust(): Promise<FirstTrust | undefined> {
    return firstTrustIn(this.#context.options);
  }

  async #explained(error: unknown): Promise<unknown> {
    const { as, locked, bundled } = this.#approach;
    if (bundled !== undefined) return error;
    if (locked !== undefined && hasCode(error, 'unauthorized', 'rollback'))
      return explainLocked(error, { ...locked, as, pin: this.command('pin', '--lock', locked.path, '--force') });
    return explainAbsent(error, this);
  }
}

function authenticatedFetch(context: CollectionContext, gun: Gun, server: string, variable: TokenVariable): Fetch {
  const registry = registryOf(gun, server);
  const token = context.token(variable);
  return authenticated(context.fetch, {
    server,
    gun,
    now: () => context.now,
    credentials: () => context.login(registry),
    login:
      token === undefined
        ? `Log in with \`${loginCommand(registry)}\`, or set ${variable}.`
        : `Set another ${variable}, or none to use the login of docker.`,
    ...(token === undefined ? {} : { token }),
  });
}

/** A targets role as the user names it; top-level targets unless named. @throws CountersignError `invalid-name` */
export function roleNamed(name: string | undefined): RoleName {
  return name === undefined || name === TARGETS ? TARGETS : parseSaneRoleName(name);
}
