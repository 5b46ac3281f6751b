import type { Knex } from 'knex';
import { instant, type Instant } from '@countersign/client/tuf';
import { asked, connectNotary } from './connect.js';

/** A row of `tuf_files` without its bytes. */
export interface NotaryFile {
  readonly id: number;
  readonly role: string;
  readonly version: number;
  /** Bytes. */
  readonly length: number;
  /** Lower-case hex, as the column says; null in rows of the oldest servers. */
  readonly sha256: string | null;
  readonly created_at: Date | null;
}

/** A row of `changefeed`. */
export interface NotaryChange {
  readonly id: number;
  readonly gun: string;
  readonly version: number;
  readonly sha256: string | null;
  readonly category: string;
  readonly created_at: Date | null;
}

/** When that was; undefined where the row does not say, or has one of MySQL's zero dates, which are no moment. */
export function momentOf(date: Date | null): Instant | undefined {
  const moment = date?.getTime() ?? NaN;
  return Number.isNaN(moment) ? undefined : instant(moment);
}

/** Rows read at a time. */
const PAGE = 500;

/** The tables of a Notary server, read only; rows that Notary has marked as deleted are not there. */
export class NotaryDatabase {
  readonly #knex: Knex;
  /** MySQL compares text without regard to case, unless it is told otherwise. */
  readonly #exact: string;
  readonly #moment: Knex.Raw;

  /** @throws CountersignError `usage` for an address that is none */
  constructor(url: string) {
    const { knex, engine } = connectNotary(url);
    this.#knex = knex;
    this.#exact = engine === 'mysql' ? 'BINARY gun' : 'gun';
    // a time without a zone, which is UTC: PostgreSQL's driver would take it for this machine's time
    this.#moment = knex.raw(engine === 'mysql' ? 'created_at' : `created_at AT TIME ZONE 'UTC' AS created_at`);
  }

  /** @throws CountersignError `unavailable` */
  has(table: 'tuf_files' | 'changefeed'): Promise<boolean> {
    return asked(this.#knex.schema.hasTable(table));
  }

  /** The name of every collection there is anything of. @throws CountersignError `unavailable` */
  async *guns(): AsyncGenerator<string> {
    const exact = this.#exact;
    const names = this.#knex('tuf_files')
      .select({ gun: this.#knex.raw('MIN(gun)') })
      .whereNull('deleted_at')
      .groupByRaw(exact)
      .orderByRaw(exact)
      .limit(PAGE);
    let page = await asked<{ gun: string }[]>(names.clone());
    for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
      for (const { gun } of page) yield gun;
      page = await asked<{ gun: string }[]>(names.clone().whereRaw(`${exact} > ?`, [last.gun]));
    }
  }

  /** The roles of a collection that were ever published. @throws CountersignError `unavailable` */
  async roles(gun: string): Promise<readonly string[]> {
    return asked<string[]>(this.#of(gun).distinct('role').pluck('role'));
  }

  /** All versions of a role, the lowest first. @throws CountersignError `unavailable` */
  async *versions(gun: string, role: string): AsyncGenerator<NotaryFile> {
    const files = this.#files(gun, role).orderBy('version').limit(PAGE);
    let page = await asked<NotaryFile[]>(files.clone());
    for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
      yield* page;
      page = await asked<NotaryFile[]>(files.clone().where('version', '>', last.version));
    }
  }

  /** @throws CountersignError `unavailable` */
  async newest(gun: string, role: string): Promise<NotaryFile | undefined> {
    const [file] = await asked<NotaryFile[]>(this.#files(gun, role).orderBy('version', 'desc').limit(1));
    return file;
  }

  /** @throws CountersignError `unavailable` */
  async version(gun: string, role: string, version: number): Promise<NotaryFile | undefined> {
    const [file] = await asked<NotaryFile[]>(this.#files(gun, role).where({ version }));
    return file;
  }

  /** The newest version of a role whose column has that hash. @throws CountersignError `unavailable` */
  async byHash(gun: string, role: string, sha256: string): Promise<NotaryFile | undefined> {
    const files = this.#files(gun, role).where({ sha256 }).orderBy('version', 'desc').limit(1);
    const [file] = await asked<NotaryFile[]>(files);
    return file;
  }

  /** @throws CountersignError `unavailable`, also for a row that is gone meanwhile */
  async bytes({ id }: NotaryFile): Promise<Uint8Array> {
    const rows = asked<{ data: Uint8Array }[]>(this.#knex('tuf_files').select('data').where({ id }));
    const [row] = await rows;
    return row?.data ?? (await asked(Promise.reject(new Error(`row ${id} of tuf_files is gone`))));
  }

  /** Lines of the changefeed after an id, in order, a page at a time. @throws CountersignError `unavailable` */
  async *changes(after: number): AsyncGenerator<readonly NotaryChange[]> {
    const lines = this.#knex('changefeed')
      .select('id', 'gun', 'version', 'sha256', 'category', this.#moment)
      .orderBy('id')
      .limit(PAGE);
    let page = await asked<NotaryChange[]>(lines.clone().where('id', '>', after));
    for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
      yield page;
      page = await asked<NotaryChange[]>(lines.clone().where('id', '>', last.id));
    }
  }

  async close(): Promise<void> {
    await this.#knex.destroy();
  }

  #of(gun: string): Knex.QueryBuilder {
    // the first for the index, the second for MySQL
    return this.#knex('tuf_files').where({ gun }).whereRaw(`${this.#exact} = ?`, [gun]).whereNull('deleted_at');
  }

  #files(gun: string, role: string): Knex.QueryBuilder {
    const length = this.#knex.raw('octet_length(data) AS length');
    return this.#of(gun).where({ role }).select('id', 'role', 'version', length, 'sha256', this.#moment);
  }
}
