import { CountersignError, parseGun, type Crypto, type Gun, type Instant, type Version } from '@countersign/client/tuf';
import type { Collections, Commit, Flawed, Store } from '../collection/index.js';
import { CollectionFiles } from './collection-files.js';
import type { NotaryDatabase } from './database.js';
import { heldKeys, type KeyHolder } from './online-keys.js';
import { addEarlier, ofTheFile } from './past-files.js';

/** How many collections became of what. */
export interface ImportTally {
  added: number;
  /** Collections that were here, and published to on the other server since. */
  updated: number;
  known: number;
  /** Earlier versions that were not here before. */
  past: number;
  /** Collections and files that could not be taken over. */
  faults: number;
}

export interface CollectionsImport {
  readonly source: NotaryDatabase;
  readonly signer: KeyHolder;
  /** What this server has. */
  readonly here: Pick<Store, 'head' | 'onlineKeys'>;
  /** What takes collections over: those of this server or, to only look, some that are thrown away. */
  readonly into: { readonly collections: Collections; readonly store: Store };
  readonly mode: 'dry-run' | 'write';
  /** Whether each collection gets a line of the changefeed, or the other server's is copied. */
  readonly changefeed: Commit['changefeed'];
  readonly crypto: Pick<Crypto, 'hash'>;
  readonly now: () => Instant;
  /** Bytes of all current files of a collection together. */
  readonly maxMetadata: number;
  /** Told of everything that is left out, a line each. */
  readonly report: (line: string) => void;
}

/**
 * Takes collections of a Notary server over, one after the other: each is verified by being a client, committed as a whole
 * with the keys that go on signing for it, and then given its past, a few files at a time. It may be ended at any moment and
 * run again; what is here already stays, and a collection that this server has added to is left alone.
 * @param names of these alone; undefined for all
 * @throws CountersignError `unavailable`, or the store's
 */
export async function importCollections(
  parts: CollectionsImport,
  names: readonly string[] | undefined,
): Promise<ImportTally> {
  const tally: ImportTally = { added: 0, updated: 0, known: 0, past: 0, faults: 0 };
  for await (const name of names ?? parts.source.guns()) {
    try {
      await takeCollection(parts, tally, parseGun(name));
    } catch (error) {
      const { message } = ofTheFile(error);
      tally.faults += 1;
      parts.report(`left out: ${JSON.stringify(name)}: ${message}`);
    }
  }
  return tally;
}

async function takeCollection(parts: CollectionsImport, tally: ImportTally, gun: Gun): Promise<void> {
  const { source, into, mode } = parts;
  const files = new CollectionFiles(source, gun, parts.maxMetadata);
  const current = await files.current();
  const supersedes = await currentHere(parts, gun, files);
  const isKnown = supersedes !== undefined && supersedes === (await files.sha256(current.timestamp));
  if (isKnown) await checkSignedHere(parts, gun);
  const refused = ({ role, version, why }: Flawed): void => {
    tally.faults += 1;
    parts.report(`not verified: ${gun} ${role} ${version ?? ''}: ${why.message}`);
  };
  if (!isKnown) {
    const adoptedKeys = await heldKeys(parts.signer, gun, current.root, { crypto: parts.crypto, now: parts.now() });
    const { changefeed } = parts;
    const request = { gun, history: current.history, next: [], adoptedKeys, changefeed };
    const taken = await into.collections.takeOver({ ...request, ...(supersedes && { supersedes }) });
    taken.flawed.forEach(refused);
  }
  tally[isKnown ? 'known' : supersedes === undefined ? 'added' : 'updated'] += 1;
  // what is known was looked at when it came
  if (isKnown && mode === 'dry-run') return;
  tally.past += await addEarlier({ gun, source, files, current, ...into, refused });
  if (mode === 'dry-run') await into.store.remove(gun, parts.now());
}

/**
 * The SHA-256 of the timestamp that is current here, which must be one the other server has too; undefined where nothing is.
 * @throws CountersignError `conflict` where this server has signed a newer one
 */
async function currentHere(
  { source, here }: CollectionsImport,
  gun: Gun,
  files: CollectionFiles,
): Promise<string | undefined> {
  const head = await here.head(gun);
  if (head === undefined) return undefined;
  const { version, sha256 } = head.timestamp;
  const there = await source.version(gun, 'timestamp', version);
  if (there !== undefined && (await files.sha256(there)) === sha256) return sha256;
  throw diverged(version);
}

/** @throws CountersignError `conflict` for a copy that was made without the keys: nothing can be added to it as it is */
async function checkSignedHere({ here }: CollectionsImport, gun: Gun): Promise<void> {
  if ((await here.onlineKeys(gun, 'timestamp')).some(({ pending }) => !pending)) return;
  throw new CountersignError('conflict', 'a read-only copy of it is here; delete that and run this again');
}

function diverged(version: Version): CountersignError {
  return new CountersignError(
    'conflict',
    `diverged: this server has signed timestamp ${version} of it, which the other one does not have`,
    { detail: { role: 'timestamp', version } },
  );
}
