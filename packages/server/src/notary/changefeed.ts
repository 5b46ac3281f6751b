import { createHash } from 'node:crypto';
import { CountersignError, parseGun, type Instant } from '@countersign/client/tuf';
import type { CopiedChange, Store } from '../collection/index.js';
import { momentOf, type NotaryChange, type NotaryDatabase } from './database.js';
import { ofTheFile } from './past-files.js';

export interface CopyChangefeed {
  readonly source: NotaryDatabase;
  readonly store: Pick<Store, 'changefeedCopies' | 'head'>;
  readonly mode: 'dry-run' | 'write';
  readonly now: Instant;
  /** Told of everything that is left out, or asks for somebody's decision. */
  readonly report: (line: string) => void;
}

export interface CopiedLines {
  lines: number;
  faults: number;
}

/**
 * Copies the lines of a Notary server's changefeed that are new, a page at a time. Where a collection has been deleted there
 * that is still here, it says so: nobody here is to delete it by themselves.
 * @throws CountersignError `unavailable`, or the store's
 */
export async function copyChangefeed(parts: CopyChangefeed): Promise<CopiedLines> {
  const tally: CopiedLines = { lines: 0, faults: 0 };
  const feed = await nameOf(parts.source);
  if (feed === undefined) return tally;
  for await (const page of parts.source.changes(await parts.store.changefeedCopies.upTo(feed))) {
    const changes = page.flatMap((row) => copied(parts, tally, row));
    tally.lines += changes.length;
    if (parts.mode === 'write') await parts.store.changefeedCopies.add(feed, changes);
    for (const change of changes) {
      if (change.category === 'deletion' && (await isLeft(parts, change))) {
        tally.faults += 1;
        parts.report(`deleted on the other server, and still here: ${change.gun}`);
      }
    }
  }
  return tally;
}

/** A feed is known for good by its first line; undefined where there is none. */
async function nameOf(source: NotaryDatabase): Promise<string | undefined> {
  for await (const [first] of source.changes(0)) {
    if (first === undefined) return undefined;
    const { id, gun, version, sha256, created_at } = first;
    const line = JSON.stringify([id, gun, version, sha256?.trim(), created_at?.getTime()]);
    return createHash('sha256').update(line).digest('hex');
  }
  return undefined;
}

function copied({ now, report }: CopyChangefeed, tally: CopiedLines, row: NotaryChange): readonly CopiedChange[] {
  const { id, version, category } = row;
  try {
    if (category !== 'update' && category !== 'deletion')
      throw new CountersignError('malformed', `its category is ${JSON.stringify(category)}`);
    const createdAt = momentOf(row.created_at) ?? now;
    return [{ id, gun: parseGun(row.gun), version, sha256: row.sha256?.trim() ?? '', category, createdAt }];
  } catch (error) {
    tally.faults += 1;
    report(`left out: line ${id} of the changefeed: ${ofTheFile(error).message}`);
    return [];
  }
}

async function isLeft({ source, store }: CopyChangefeed, { gun }: CopiedChange): Promise<boolean> {
  if ((await store.head(gun)) === undefined) return false;
  return (await source.newest(gun, 'timestamp')) === undefined;
}
