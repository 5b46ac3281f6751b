import type { Instant } from '@countersign/client/tuf';
import { nodeCrypto } from '@countersign/client/node';
import { createApp, listen } from './app.js';
import { openAuthorizer } from './auth/open.js';
import { createCollections, type Signer, type Store, type TargetFiles } from './collection/index.js';
import type { Config } from './config.js';
import { repeat } from './jobs.js';
import { checkExposure } from './listen-config.js';
import type { Log } from './log.js';
import { Metrics } from './metrics.js';
import { openSigner } from './signer.js';
import { migrate, openStore, openTargetFiles } from './store/index.js';

/** What a server takes from outside besides its configuration. */
export interface StartOptions {
  readonly clock: () => Instant;
  readonly log: Log;
  /** Tests put faults around the ports with these. */
  readonly wrap?: {
    readonly store?: (store: Store) => Store;
    readonly signer?: (signer: Signer) => Signer;
    readonly targetFiles?: (targetFiles: TargetFiles) => TargetFiles;
  };
}

export interface RunningServer {
  /** Where it listens, HTTPS first. */
  readonly urls: readonly string[];
  /** Stops accepting, lets what is in flight finish within the configured time, and closes everything. */
  close(): Promise<void>;
}

/**
 * Starts a server: opens the database (a SQLite one is migrated first), joins the parts, listens, starts the jobs.
 * @throws CountersignError `usage` for a configuration that must not run, or a PostgreSQL database that needs migrating;
 * `unavailable` where the database does not answer
 */
export async function startServer(config: Config, { clock, log, wrap = {} }: StartOptions): Promise<RunningServer> {
  checkExposure(config);
  const closers = new Closers();
  try {
    if (config.database.client === 'sqlite') await migrate(config.database);
    const authorizer = await openAuthorizer(config.auth, { clock, log });
    closers.add(async () => authorizer.close());
    const store = await openStore(config.database);
    closers.add(() => store.close());
    const targetFiles = await openTargetFiles(config.targetFiles, clock);
    closers.add(() => targetFiles.close());
    const signer = await openSigner(config.signer, log);
    closers.add(() => signer.close());
    const metrics = config.metrics ? new Metrics() : undefined;
    closers.add(async () => metrics?.close());
    const asked = wrap.signer?.(signer) ?? signer;
    const made = createCollections({
      store: wrap.store?.(store) ?? store,
      targetFiles: wrap.targetFiles?.(targetFiles) ?? targetFiles,
      signer: metrics?.latencyOf(asked) ?? asked,
      crypto: nodeCrypto,
      policy: config.policy,
      clock,
      log,
      ...(metrics === undefined ? {} : { meter: metrics }),
    });
    const collections = metrics?.publishesOf(made) ?? made;
    const { limits, access, offer } = config;
    const listening = await listen(createApp({ collections, limits, offer, access, authorizer, log, meter: metrics }), {
      ...config,
      log,
    });
    closers.add(() => listening.close(config.shutdown));
    const timing = { log, random: Math.random };
    const jobs = [
      repeat({ name: 'renew', every: config.jobs.renew, run: () => collections.renewDue() }, timing),
      repeat({ name: 'collect', every: config.jobs.collect, run: () => collections.collectTargets() }, timing),
      repeat({ name: 'forget-keys', every: config.jobs.collect, run: () => collections.forgetKeys() }, timing),
    ];
    closers.add(() => Promise.all(jobs.map((job) => job.stop())));
    return { urls: listening.urls, close: () => closers.close() };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** What was opened, closed in the opposite order, once. */
export class Closers {
  readonly #closers: (() => Promise<unknown>)[] = [];
  #closed: Promise<void> | undefined;

  add(close: () => Promise<unknown>): void {
    this.#closers.push(close);
  }

  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
  }
}
