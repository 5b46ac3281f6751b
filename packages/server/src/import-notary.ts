import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CountersignError } from '@countersign/client/tuf';
import { nodeCrypto } from '@countersign/client/node';
import { createCollections, type Store } from './collection/index.js';
import type { Config } from './config.js';
import { copyChangefeed } from './notary/changefeed.js';
import { NotaryDatabase } from './notary/database.js';
import type { Imported } from './notary/summary.js';
import { importCollections, type CollectionsImport } from './notary/import-collections.js';
import { openSigner, type OpenSigner } from './signer.js';
import { Closers, type StartOptions } from './start.js';
import { migrate, openStore, openTargetFiles, type DatabaseConfig } from './store/index.js';

/** What is taken over, and from where. */
export interface NotarySource {
  /** Of the Notary server's database. */
  readonly url: string;
  /** Collections; none for all of them and the changefeed. */
  readonly names: readonly string[];
  readonly mode: 'dry-run' | 'write';
  /** Told of everything that is left out, a line each. */
  readonly report: (line: string) => void;
}

/**
 * Takes collections and changefeed of a Notary server over. A dry run does the same in a database that is thrown away, so
 * that nothing goes unverified in it.
 * @throws CountersignError `usage` for an address that cannot be what it is said to be; `unavailable`
 */
export async function importNotary(
  config: Config,
  { url, names, mode, report }: NotarySource,
  parts: Pick<StartOptions, 'clock' | 'log'>,
): Promise<Imported> {
  const closers = new Closers();
  try {
    const source = new NotaryDatabase(url);
    closers.add(() => source.close());
    await checkTables(source);
    if (mode === 'write' && config.database.client === 'sqlite') await migrate(config.database);
    const store = await openStore(config.database);
    closers.add(() => store.close());
    const signer = await openSigner(config.signer, parts.log);
    closers.add(() => signer.close());
    const into = mode === 'write' ? store : await throwaway(closers);
    const taken = await importCollections(
      {
        source,
        signer,
        here: store,
        into: { store: into, collections: await collectionsOn(config, into, signer, parts, closers) },
        mode,
        changefeed: names.length === 0 ? 'none' : 'line',
        crypto: nodeCrypto,
        now: parts.clock,
        maxMetadata: config.policy.maxMetadata,
        report,
      },
      names.length === 0 ? undefined : names,
    );
    if (names.length > 0) return { ...taken, lines: undefined };
    // after the collections: who reads that something was published finds it
    const copied = await copyChangefeed({ source, store, mode, now: parts.clock(), report });
    return { ...taken, lines: copied.lines, faults: taken.faults + copied.faults };
  } finally {
    await closers.close();
  }
}

async function checkTables(source: NotaryDatabase): Promise<void> {
  for (const table of ['tuf_files', 'changefeed'] as const) {
    if (await source.has(table)) continue;
    throw new CountersignError('usage', `the database has no table ${table}: it is not the one of a Notary server`);
  }
}

async function collectionsOn(
  { policy }: Config,
  store: Store,
  signer: OpenSigner,
  { clock, log }: Pick<StartOptions, 'clock' | 'log'>,
  closers: Closers,
): Promise<CollectionsImport['into']['collections']> {
  // Notary's targets are elsewhere: nothing is written here, wherever this server keeps its own
  const targetFiles = await openTargetFiles({ kind: 'directory', directory: await scratchDirectory(closers) }, clock);
  closers.add(() => targetFiles.close());
  return createCollections({ store, targetFiles, signer, crypto: nodeCrypto, policy, clock, log });
}

async function throwaway(closers: Closers): Promise<Store> {
  const file = join(await scratchDirectory(closers), 'dry-run.db');
  const database: DatabaseConfig = { client: 'sqlite', file };
  await migrate(database);
  const store = await openStore(database);
  closers.add(() => store.close());
  return store;
}

async function scratchDirectory(closers: Closers): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-import-'));
  closers.add(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
