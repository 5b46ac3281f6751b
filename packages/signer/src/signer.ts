import type { Instant } from '@countersign/client/tuf';
import { createApp, type AppOptions } from './app.js';
import type { Config } from './config.js';
import { checkMigrated, connect, migrate } from './connect.js';
import { KeyFactory } from './creation.js';
import { GroupCommit } from './group-commit.js';
import { listen } from './https.js';
import { openKeks, type KekSecret, type Keks } from './keks.js';
import { Keyring } from './keyring.js';
import type { Log } from './log.js';
import { rekey, type RekeyProgress } from './rekey.js';
import { SignerService } from './service.js';
import type { ScryptParams } from './seal.js';
import { KeyStore } from './store.js';

/** What a signer is made of, besides its configuration. */
export interface SignerParts {
  readonly passphrases: readonly KekSecret[];
  readonly clock: () => Instant;
  /** The cost of key-encryption keys made now; the field's where left out. */
  readonly scrypt?: ScryptParams;
}

/** A signer that is listening. */
export interface RunningSigner {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Opens the database and every key-encryption key, and listens.
 * @throws CountersignError `unsealed` naming the alias of a wrong passphrase; `usage` for a database not migrated,
 * certificates or an address that cannot be used
 */
export async function startSigner(config: Config, log: Log, parts: SignerParts): Promise<RunningSigner> {
  const store = await openStore(config);
  try {
    const app = createApp(await appOptions(config, store, log, parts));
    const listener = await listen(app, { ...config.listen, tls: config.tls, limits: config.limits, log });
    return {
      url: listener.url,
      close: async () => {
        await listener.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function appOptions(config: Config, store: KeyStore, log: Log, parts: SignerParts): Promise<AppOptions> {
  const { lifetimes, limits, tls } = config;
  const keks = await keksOf(config, store, parts);
  const factory = new KeyFactory(store, keks, limits);
  const keyring = new Keyring(store, new GroupCommit(store), keks, { lifetimes, cachedKeys: limits.cachedKeys });
  const service = new SignerService({ store, factory, keyring });
  return { service, log, clock: parts.clock, bodyBytes: limits.bodyBytes, items: limits.items, clients: tls.clients };
}

/** Brings the signer's database up to date; answers the names of the migrations it ran. */
export async function migrateSigner(config: Config): Promise<readonly string[]> {
  const knex = connect(config.database);
  try {
    return await migrate(knex);
  } finally {
    await knex.destroy();
  }
}

/** Re-seals every key with `alias`; a signer may be running. Answers how many. */
export async function rekeySigner(
  config: Config,
  parts: SignerParts,
  alias: string,
  report: (progress: RekeyProgress) => void,
): Promise<number> {
  const store = await openStore(config);
  try {
    return await rekey(store, await keksOf(config, store, parts), alias, report);
  } finally {
    await store.close();
  }
}

function keksOf(config: Config, store: KeyStore, { passphrases, clock, scrypt }: SignerParts): Promise<Keks> {
  return openKeks(store, passphrases, config.defaultKek, { now: clock(), ...(scrypt && { scrypt }) });
}

async function openStore(config: Config): Promise<KeyStore> {
  const knex = connect(config.database);
  try {
    await checkMigrated(knex);
    return new KeyStore(knex);
  } catch (error) {
    await knex.destroy();
    throw error;
  }
}
