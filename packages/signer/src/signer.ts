import { CountersignError, type Instant } from '@countersign/client/tuf';
import { createApp, type AppOptions } from './app.js';
import type { Config } from './config.js';
import { checkMigrated, connect, migrate } from './connect.js';
import { KeyFactory } from './creation.js';
import { GroupCommit } from './group-commit.js';
import { listen } from './https.js';
import { openKeks, type KekSecret, type Keks } from './keks.js';
import { Keyring } from './keyring.js';
import type { Log } from './log.js';
import { NotaryDatabase } from './notary/database.js';
import { takeOver, type TakenOver } from './notary/take-over.js';
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

/** What is taken over, and from where. */
export interface NotarySource {
  /** Addresses of databases: the signer's, and the server's where that is another. */
  readonly database: string;
  readonly metadata: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly mode: 'dry-run' | 'write';
  readonly report: (line: string) => void;
}

/**
 * Takes the keys of a Notary signer over; a signer may be running.
 * @throws CountersignError `usage` for addresses that cannot be what they are said to be; `unavailable`, `unsealed`
 */
export async function importNotary(config: Config, parts: SignerParts, source: NotarySource): Promise<TakenOver> {
  const { environment, mode, report } = source;
  const store = await openStore(config);
  const databases: NotaryDatabase[] = [];
  try {
    const keys = new NotaryDatabase(source.database);
    databases.push(keys);
    const files = source.metadata === undefined ? keys : new NotaryDatabase(source.metadata);
    databases.push(files);
    await checkTables(keys, files);
    // looking makes no key-encryption key
    const keks = mode === 'write' ? await keksOf(config, store, parts) : undefined;
    return await takeOver({ keys, files, store, keks, environment, now: parts.clock(), report });
  } finally {
    for (const database of databases) await database.close();
    await store.close();
  }
}

async function checkTables(keys: NotaryDatabase, files: NotaryDatabase): Promise<void> {
  if (!(await keys.has('private_keys')))
    throw new CountersignError('usage', 'the database has no table private_keys: it is not the one of a Notary signer');
  if (await files.has('tuf_files')) return;
  throw new CountersignError('usage', 'the metadata of the collections is not in this database (no table tuf_files)', {
    next: 'Name the database of the Notary server too, with --metadata-database: what its keys have signed is read there.',
  });
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
