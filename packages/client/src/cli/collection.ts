import { readFile } from 'node:fs/promises';
import { authenticated } from '../authenticated.js';
import type { MetadataCache } from '../cache.js';
import { CollectionServer } from '../collection-server.js';
import type { Fetch } from '../fetch.js';
import type { KeyRing } from '../key-ring.js';
import { certificateAuthority } from '../node/certificate-authority.js';
import type { CollectionHome, Home } from '../node/home.js';
import type { FirstTrust } from '../pinning.js';
import { Publisher, type PublisherOptions } from '../publisher.js';
import { loginCommand, registryOf } from '../registry.js';
import { findRole } from '../role-search.js';
import { formatOfRoot } from '../root-format.js';
import { similar } from '../similar.js';
import type { Credentials } from '../token-exchange.js';
import type { Crypto } from '../tuf/crypto.js';
import { CountersignError, hasCode } from '../tuf/errors.js';
import type { Format } from '../tuf/formats/format.js';
import type { Targets } from '../tuf/model.js';
import { parseSaneRoleName, ROOT, TARGETS, TIMESTAMP, type Gun, type RoleName } from '../tuf/names.js';
import { Updater } from '../updater.js';
import type { TrustedState } from '../state.js';
import { baseUrl, collectionUrls, type RepositoryUrls } from '../urls.js';
import { commandLine, sameServer } from './hint.js';
import type { CommonOptions } from './options.js';
import type { Output } from './output.js';

/** What a collection needs of the run of the command it belongs to. */
export interface CollectionContext {
  readonly options: CommonOptions;
  readonly home: Pick<Home, 'collections'>;
  readonly output: Pick<Output, 'note'>;
  readonly crypto: Crypto;
  readonly ring: KeyRing;
  readonly fetch: Fetch;
  readonly token: string | undefined;
  readonly login: (registry: string) => Promise<Credentials | undefined>;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly open: PublisherOptions['open'];
  readonly wait: PublisherOptions['wait'];
}

/** One collection as the verbs see it: what is kept of it here, and its server. */
export class Collection {
  readonly home: CollectionHome;
  /** Brings what its server wants to know of who asks. */
  readonly fetch: Fetch;
  readonly #context: CollectionContext;
  readonly #server: string | undefined;

  constructor(context: CollectionContext, home: CollectionHome, server: string | undefined) {
    this.#context = context;
    this.home = home;
    this.#server = server === undefined ? undefined : baseUrl(server);
    this.fetch = this.#server === undefined ? context.fetch : authenticatedFetch(context, home.gun, this.#server);
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
    const firstTrust = await this.firstTrust();
    if (firstTrust === undefined && (await this.home.metadata.load(ROOT)) === undefined)
      throw await this.#unknown(purpose);
    const cache =
      firstTrust?.kind === 'trust-on-first-use' ? telling(this.home.metadata, this.#context.output) : undefined;
    return new Updater({
      urls: this.urls,
      fetch: this.fetch,
      crypto,
      purpose,
      gun: this.gun,
      cache: cache ?? this.home.metadata,
      now: () => this.#context.now,
      skipped: (role, why) => output.note(`${role} is left out, since it cannot be trusted: ${why.message}`),
      ...(firstTrust === undefined ? {} : { firstTrust }),
    });
  }

  /** An updater that has seen the newest state; the server is remembered. @throws CountersignError as `Updater.refresh` */
  async refreshed(
    purpose: 'read' | 'publish' = 'read',
  ): Promise<{ readonly updater: Updater; readonly state: TrustedState }> {
    const updater = await this.updater(purpose);
    try {
      await updater.refresh();
    } catch (error) {
      throw await this.#explained(error);
    }
    if ((await this.home.record()) === undefined) await this.home.saveRecord({ server: this.serverUrl });
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
    const { root, rootCa, rootFingerprint, trustOnFirstUse } = this.#context.options;
    if (rootFingerprint !== undefined) return { kind: 'fingerprint', fingerprint: rootFingerprint };
    if (trustOnFirstUse === true) return { kind: 'trust-on-first-use' };
    if (rootCa !== undefined) {
      const pem = await readGiven(rootCa, 'file of root authorities', '--root-ca');
      return { kind: 'authority', authority: certificateAuthority(new TextDecoder().decode(pem)) };
    }
    if (root === undefined) return undefined;
    return { kind: 'file', raw: checkedRoot(await readGiven(root, 'root file', '--root'), root) };
  }

  async #explained(error: unknown): Promise<unknown> {
    if (hasCode(error, 'not-found', 'untrusted-root') && isEmpty(error.detail['found'])) {
      const meant = await this.similar();
      return new CountersignError('not-found', `there is no collection ${this.gun} at ${this.serverUrl}`, {
        cause: error,
        next: meant === undefined ? "Check the name and the server's address." : `Did you mean ${meant}?`,
      });
    }
    if (!hasCode(error, 'not-found') || error.detail.role !== TIMESTAMP) return error;
    if ((await this.home.firstRoot()) === undefined) return error;
    return new CountersignError('not-found', `${this.gun} has not been published yet`, {
      cause: error,
      next: `Publish it with \`${this.command('publish')}\`.`,
    });
  }

  /** The error for a collection of which nothing is here: mistyped, or never begun. */
  async nothingKnown(): Promise<CountersignError> {
    const meant = await this.similar();
    const begin = `${meant === undefined ? 'To begin' : `Did you mean ${meant}? If not, to begin`} it: \`${this.command('init')}\``;
    return new CountersignError('not-found', `nothing is known of ${this.gun} here`, {
      next: `${begin}; to take part in somebody's, give --root-fingerprint sha256:…, as they tell you.`,
    });
  }

  async #unknown(purpose: 'read' | 'publish'): Promise<CountersignError> {
    if (purpose === 'publish') return this.nothingKnown();
    const meant = await this.similar();
    return new CountersignError('untrusted-root', `there is no trusted root for ${this.gun} here yet`, {
      next:
        `${meant === undefined ? 'Give' : `Did you mean ${meant}? If not, give`} ` +
        '--root FILE or --root-fingerprint sha256:…, as the publisher tells you; or --trust-on-first-use.',
    });
  }
}

/** Says which root is believed because it was the first. */
function telling(cache: MetadataCache, output: Pick<Output, 'note'>): MetadataCache {
  return {
    load: (role) => cache.load(role),
    save: (role, raw, over) => cache.save(role, raw, over),
    anchor: () => cache.anchor(),
    notes: () => cache.notes(),
    saveNotes: (notes) => cache.saveNotes(notes),
    async startFrom(root, fingerprint, over) {
      const saved = await cache.startFrom(root, fingerprint, over);
      output.note(`trusted on first use: the root ${fingerprint}; compare it with what its publisher tells you`);
      return saved;
    },
  };
}

function isEmpty(found: unknown): boolean {
  return Array.isArray(found) && found.length === 0;
}

async function readGiven(path: string, what: string, option: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new CountersignError('usage', `the ${what} ${path} cannot be read`, { cause, next: `Check ${option}.` });
  });
  return new Uint8Array(bytes);
}

function authenticatedFetch(context: CollectionContext, gun: Gun, server: string): Fetch {
  const registry = registryOf(gun, server);
  const { token } = context;
  return authenticated(context.fetch, {
    server,
    gun,
    now: () => context.now,
    credentials: () => context.login(registry),
    login:
      token === undefined
        ? `Log in with \`${loginCommand(registry)}\`, or set COUNTERSIGN_TOKEN.`
        : 'Set another COUNTERSIGN_TOKEN, or none to use the login of docker.',
    ...(token === undefined ? {} : { token }),
  });
}

/** A targets role as the user names it; top-level targets unless named. @throws CountersignError `invalid-name` */
export function roleNamed(name: string | undefined): RoleName {
  return name === undefined || name === TARGETS ? TARGETS : parseSaneRoleName(name);
}

/** A file that is no root at all is a slip, and no attack. @throws CountersignError `usage` */
function checkedRoot(raw: Uint8Array, file: string): Uint8Array {
  try {
    formatOfRoot(raw).parseRoot(raw);
  } catch (cause) {
    if (!(cause instanceof CountersignError)) throw cause;
    throw new CountersignError('usage', `${file} is no root file: ${cause.message}`, { cause, next: 'Check --root.' });
  }
  return raw;
}
