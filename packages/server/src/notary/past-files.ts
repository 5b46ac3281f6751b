import { CountersignError, hasCode, ROOT, type Gun, type RoleName, type Version } from '@countersign/client/tuf';
import type { Collections, Flawed, HistoryFile, PastUpload, Store } from '../collection/index.js';
import type { CollectionFiles, CurrentFiles } from './collection-files.js';
import type { NotaryDatabase, NotaryFile } from './database.js';
import { Vouchers } from './vouchers.js';

/** Bytes of files that are in memory at the same time, and how many. */
const BATCH = { bytes: 8 * 1024 * 1024, files: 100 } as const;

/** A collection that has been taken over, and where its past is. */
export interface PastOf {
  readonly gun: Gun;
  readonly source: NotaryDatabase;
  readonly files: CollectionFiles;
  readonly current: CurrentFiles;
  readonly collections: Pick<Collections, 'addPast'>;
  /** Where `collections` has it. */
  readonly store: Pick<Store, 'files'>;
  readonly refused: (flawed: Flawed) => void;
}

/**
 * Adds the earlier versions of a collection that are not here yet, a few at a time.
 * @returns how many it added
 * @throws CountersignError `unavailable`, or the store's
 */
export async function addEarlier(past: PastOf): Promise<number> {
  const { gun, source, current } = past;
  const vouchers = new Vouchers(current.format);
  for (const { bytes } of current.history.roots) vouchers.root(current.format.parseRoot(bytes));
  let added = 0;
  for (const role of byDepth(await source.roles(gun))) {
    for await (const batch of batches(source.versions(gun, role))) added += await addBatch(past, vouchers, batch);
  }
  return added;
}

/** Who delegates comes before those it delegates to. The whole root chain comes with what is current. */
function byDepth(roles: readonly string[]): readonly string[] {
  const depth = (role: string): number => role.split('/').length;
  return roles.filter((role) => role !== ROOT).sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1));
}

async function* batches(rows: AsyncIterable<NotaryFile>): AsyncGenerator<readonly NotaryFile[]> {
  let [batch, bytes]: [NotaryFile[], number] = [[], 0];
  for await (const row of rows) {
    if (batch.length === BATCH.files || (batch.length > 0 && bytes + row.length > BATCH.bytes)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(row);
    bytes += row.length;
  }
  if (batch.length > 0) yield batch;
}

async function addBatch(past: PastOf, vouchers: Vouchers, rows: readonly NotaryFile[]): Promise<number> {
  const wanted = rows.map(({ role, version }) => ({ role: role as RoleName, version: version as Version }));
  const stored = await past.store.files(past.gun, wanted);
  const news: PastUpload[] = [];
  for (const [index, row] of rows.entries()) {
    const here = stored[index];
    try {
      const known = here?.sha256 === (await past.files.sha256(row)) ? here : undefined;
      const file = known === undefined ? await past.files.file(row) : { role: row.role, bytes: known.bytes };
      const by = vouchers.of(row.role, file.bytes);
      note(vouchers, past.current, file);
      if (known === undefined) news.push({ ...file, version: row.version, by });
    } catch (error) {
      past.refused({ role: row.role, version: row.version, why: ofTheFile(error) });
    }
  }
  return add(past, news);
}

function note(vouchers: Vouchers, { format }: CurrentFiles, { role, bytes }: HistoryFile): void {
  if (role !== 'timestamp' && role !== 'snapshot') vouchers.targets(role, format.parseTargets(bytes));
}

/** Half as many at a time where checking all of them is too much work for one call. */
async function add(past: PastOf, files: readonly PastUpload[]): Promise<number> {
  if (files.length === 0) return 0;
  try {
    const { added, refused } = await past.collections.addPast({ gun: past.gun, files });
    for (const flawed of refused) past.refused(flawed);
    return added;
  } catch (error) {
    if (!hasCode(error, 'too-many')) throw error;
    const [first] = files;
    if (files.length > 1 || first === undefined) {
      const half = Math.ceil(files.length / 2);
      return (await add(past, files.slice(0, half))) + (await add(past, files.slice(half)));
    }
    past.refused({ role: first.role, version: first.version, why: error });
    return 0;
  }
}

/** What is wrong with one file; anything else ends the run. */
export function ofTheFile(error: unknown): CountersignError {
  if (error instanceof CountersignError && !hasCode(error, 'unavailable', 'storage-full', 'internal')) return error;
  throw error;
}
