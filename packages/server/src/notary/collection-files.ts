import { createHash } from 'node:crypto';
import {
  CountersignError,
  detectFormat,
  hexEncode,
  ROOT,
  SNAPSHOT,
  TIMESTAMP,
  type Envelope,
  type Format,
  type Hashes,
  type Root,
} from '@countersign/client/tuf';
import type { HistoryFile, TakeOverRequest } from '../collection/index.js';
import { momentOf, type NotaryDatabase, type NotaryFile } from './database.js';

/** What is current of a collection in Notary's tables, as its clients find it. */
export interface CurrentFiles {
  readonly history: TakeOverRequest['history'];
  readonly format: Format;
  /** The newest. */
  readonly root: Envelope<Root>;
  readonly timestamp: NotaryFile;
}

/** The files of one collection. What a row says of its bytes is held against them. */
export class CollectionFiles {
  readonly #source: NotaryDatabase;
  readonly #gun: string;
  /** Bytes of all current files together. */
  readonly #limit: number;

  constructor(source: NotaryDatabase, gun: string, limit: number) {
    this.#source = source;
    this.#gun = gun;
    this.#limit = limit;
  }

  /**
   * Root chain, newest timestamp, and what that leads to by hash. Nothing is verified yet, and roles whose files are not there
   * are left out: whether clients do without them is for whoever verifies.
   * @throws CountersignError `not-found`, `mix-and-match` for bytes that are not what their row says, `too-large`, or what
   * parsing throws
   */
  async current(): Promise<CurrentFiles> {
    const room = { left: this.#limit };
    const roots: HistoryFile[] = [];
    for await (const row of this.#source.versions(this.#gun, ROOT)) roots.push(await this.#read(row, room));
    const newest = roots.at(-1);
    const timestamp = await this.#source.newest(this.#gun, TIMESTAMP);
    if (newest === undefined || timestamp === undefined)
      throw new CountersignError('not-found', `there is no ${newest === undefined ? ROOT : TIMESTAMP} of it`);
    const format = detectFormat(newest.bytes);
    const current = [await this.#read(timestamp, room)];
    const { snapshot: named } = format.parseTimestamp(current[0]?.bytes ?? new Uint8Array(0)).signed;
    const snapshot = await this.#named(SNAPSHOT, named.hashes);
    if (snapshot === undefined)
      throw new CountersignError('not-found', `the snapshot that timestamp ${timestamp.version} names is not there`);
    const snapshotFile = await this.#read(snapshot, room);
    current.push(snapshotFile);
    for (const [role, { hashes }] of format.parseSnapshot(snapshotFile.bytes).signed.meta) {
      const row = role === ROOT ? undefined : await this.#named(role, hashes);
      if (row !== undefined) current.push(await this.#read(row, room));
    }
    return { history: { roots, current }, format, root: format.parseRoot(newest.bytes), timestamp };
  }

  /** Lower-case hex SHA-256 of a row's bytes, as the row says or, where it does not, as they are. */
  async sha256(row: NotaryFile): Promise<string> {
    return row.sha256?.trim() ?? sha256((await this.file(row)).bytes);
  }

  /** @throws CountersignError `mix-and-match` where the bytes are not those the row says; `too-large` */
  async file(row: NotaryFile): Promise<HistoryFile> {
    return this.#read(row, { left: this.#limit });
  }

  async #named(role: string, hashes: Hashes): Promise<NotaryFile | undefined> {
    const wanted = hashes.get('sha256');
    const found = wanted && (await this.#source.byHash(this.#gun, role, hexEncode(wanted)));
    if (found !== undefined) return found;
    // the oldest servers filled no column with the hash
    const newest = await this.#source.newest(this.#gun, role);
    return newest?.sha256 === null ? newest : undefined;
  }

  async #read(row: NotaryFile, room: { left: number }): Promise<HistoryFile> {
    const { role, version, length } = row;
    room.left -= length;
    if (room.left < 0)
      throw new CountersignError('too-large', `its files have more than ${this.#limit} bytes (policy.maxMetadata)`, {
        detail: { role, limit: this.#limit },
      });
    const bytes = await this.#source.bytes(row);
    if (row.sha256 !== null && sha256(bytes) !== row.sha256.trim())
      throw new CountersignError('mix-and-match', `${role} ${version} is not the file its row has the SHA-256 of`, {
        detail: { role, version },
      });
    const createdAt = momentOf(row.created_at);
    return { role, bytes, ...(createdAt === undefined ? {} : { createdAt }) };
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
