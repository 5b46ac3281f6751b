import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { formatNamed, instant, type Instant, type KeyId, type RoleName, type Version } from '@countersign/client/tuf';
import { connect, migrate, type DatabaseConfig } from '../../packages/signer/src/connect.js';
import { KeyFactory, type CreationLimits } from '../../packages/signer/src/creation.js';
import { GroupCommit } from '../../packages/signer/src/group-commit.js';
import { openKeks, type KekSecret, type Keks } from '../../packages/signer/src/keks.js';
import { Keyring } from '../../packages/signer/src/keyring.js';
import { SignerService } from '../../packages/signer/src/service.js';
import { KeyStore } from '../../packages/signer/src/store.js';
import type { KeyInfo, OnlineRole, PublishedItem, SignItem, SignerAlgorithm } from '../../packages/signer/src/wire.js';

export const DAY = 86_400_000;
export const NOW = instant(Date.UTC(2030, 0, 1));
export const GUN = 'example.com/app';
/** Fast enough for tests; what production uses has tests of its own. */
export const CHEAP = { N: 1024, r: 8, p: 1 } as const;
export const KEKS: readonly KekSecret[] = [{ alias: 'first', passphrase: 'correct horse' }];

const tuf1 = formatNamed('tuf-1');

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-signer-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A new, migrated SQLite database. */
export async function newDatabase(): Promise<DatabaseConfig> {
  const database = { client: 'sqlite', file: join(await temporaryDirectory(), 'signer.db') } as const;
  await migrated(database);
  return database;
}

export async function migrated(database: DatabaseConfig): Promise<void> {
  const knex = connect(database);
  await migrate(knex);
  await knex.destroy();
}

/** A store that is closed when the test ends. */
export function openStore(database: DatabaseConfig): KeyStore {
  const store = new KeyStore(connect(database));
  onTestFinished(() => store.close());
  return store;
}

export function keksFor(store: KeyStore, secrets = KEKS, defaultAlias = secrets[0]?.alias ?? ''): Promise<Keks> {
  return openKeks(store, secrets, defaultAlias, { now: NOW, scrypt: CHEAP });
}

export interface BenchOptions {
  readonly limits?: Partial<CreationLimits>;
  readonly cachedKeys?: number;
  readonly secrets?: readonly KekSecret[];
}

/** One signer without its HTTP interface: a second one on the same database is that signer restarted. */
export function openBench(database: DatabaseConfig, options: BenchOptions = {}): Promise<Workbench> {
  return benchOn(openStore(database), options);
}

export async function benchOn(store: KeyStore, options: BenchOptions = {}): Promise<Workbench> {
  const keks = await keksFor(store, options.secrets);
  const factory = new KeyFactory(store, keks, { unusedKeys: 1000, keysPerMinute: 1000, ...options.limits });
  const lifetimes = { 'tuf-1': { timestamp: 15 * DAY, snapshot: 31 * DAY } };
  const keyring = new Keyring(store, new GroupCommit(store), keks, {
    lifetimes,
    cachedKeys: options.cachedKeys ?? 100,
  });
  return new Workbench(new SignerService({ store, factory, keyring }), store);
}

/** What became of one payload, as a test wants to look at it. */
export type Outcome =
  { readonly signature: Uint8Array } | { readonly code: string; readonly current: number | undefined };

export class Workbench {
  readonly service: SignerService;
  readonly store: KeyStore;

  constructor(service: SignerService, store: KeyStore) {
    this.service = service;
    this.store = store;
  }

  key(role: OnlineRole, algorithm: SignerAlgorithm = 'ed25519', gun = GUN): Promise<KeyInfo> {
    return this.service.createKey({ gun, role, algorithm }, NOW);
  }

  async sign(key: KeyInfo, payload: Uint8Array, more: Partial<SignItem> = {}, now: Instant = NOW): Promise<Outcome> {
    const [signing] = await this.service.sign([itemOf(key, payload, more)], now);
    if (signing === undefined) throw new Error('no result');
    if (signing.kind === 'signed') return { signature: signing.signature };
    return { code: signing.error.code, current: signing.error.detail.current };
  }

  /** Tells a published timestamp in advance, beside a payload nothing comes of. */
  async tell(key: KeyInfo, file: Uint8Array): Promise<void> {
    await this.service.sign([], NOW, [publishedOf(key, file)]);
  }

  /** Signs what must be signed, and answers the whole file: what a server publishes. */
  async publish(key: KeyInfo, payload: Uint8Array, follows?: Uint8Array): Promise<Uint8Array> {
    const outcome = await this.sign(key, payload, followsOf(follows));
    if (!('signature' in outcome)) throw new Error(`refused: ${outcome.code}`);
    return envelopeOf(key, payload, outcome.signature);
  }
}

export function itemOf(key: KeyInfo, payload: Uint8Array, more: Partial<SignItem> = {}): SignItem {
  const { id: keyId, gun, role } = key;
  return { keyId, gun, role, format: 'tuf-1', payload: Buffer.from(payload).toString('base64'), ...more };
}

export function publishedOf({ id: keyId, gun }: KeyInfo, file: Uint8Array): PublishedItem {
  return { keyId, gun, format: 'tuf-1', file: Buffer.from(file).toString('base64') };
}

export function followsOf(envelope: Uint8Array | undefined): Partial<SignItem> {
  return envelope === undefined ? {} : { follows: Buffer.from(envelope).toString('base64') };
}

export function envelopeOf(key: KeyInfo, payload: Uint8Array, signature: Uint8Array): Uint8Array {
  return tuf1.assemble(payload, [{ keyId: key.id as KeyId, value: signature }]);
}

export function timestamp(version: number, expires = NOW + 7 * DAY, names = 1): Uint8Array {
  const snapshot = { by: 'version', version: names as Version, hashes: new Map() } as const;
  return tuf1.renderTimestamp({ version: version as Version, expires: instant(expires), snapshot });
}

export function snapshot(
  version: number,
  listed: Readonly<Record<string, number>>,
  expires = NOW + 30 * DAY,
): Uint8Array {
  const meta = new Map(
    Object.entries(listed).map(([role, at]) => [
      role as RoleName,
      { by: 'version', version: at as Version, hashes: new Map() } as const,
    ]),
  );
  return tuf1.renderSnapshot({ version: version as Version, expires: instant(expires), meta });
}

export function targets(version: number): Uint8Array {
  return tuf1.renderTargets({
    version: version as Version,
    expires: instant(NOW + 7 * DAY),
    targets: new Map(),
    delegations: undefined,
  });
}
