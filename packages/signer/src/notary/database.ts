import type { Knex } from 'knex';
import { asked, connectNotary } from './connect.js';

/** A row of `private_keys`. */
export interface NotaryKeyRow {
  readonly keyId: string;
  readonly gun: string;
  readonly role: string;
  /** `ecdsa` or `ed25519`. */
  readonly algorithm: string;
  /** Names the passphrase. */
  readonly alias: string;
  /** DER SubjectPublicKeyInfo, or the 32 bytes of an Ed25519 key. */
  readonly published: Uint8Array;
  /** A compact JWE. */
  readonly sealed: string;
  readonly wasUsed: boolean;
  readonly createdAt: Date | null;
}

/** A row of `tuf_files` without its bytes. */
export interface NotaryFileRow {
  readonly id: number;
  readonly version: number;
  readonly length: number;
}

interface KeyColumns {
  id: number;
  key_id: string;
  gun: string;
  role: string;
  algorithm: string;
  passphrase_alias: string;
  public: Uint8Array;
  private: Uint8Array | string;
  last_used: Date | null;
  created_at: Date | null;
}

/** Bytes that are read of a key: more than any key has. */
const LONGEST = 16 * 1024;

/** Rows read at a time. */
const PAGE = 200;

/** The tables of Notary's signer and server, read only; rows that Notary has marked as deleted are not there. */
export class NotaryDatabase {
  readonly #knex: Knex;
  readonly #moment: (column: 'last_used' | 'created_at') => Knex.Raw;

  /** @throws CountersignError `usage` for an address that is none */
  constructor(url: string) {
    const { knex, engine } = connectNotary(url);
    this.#knex = knex;
    // a time without a zone, which is UTC: PostgreSQL's driver would take it for this machine's time
    const sql = engine === 'postgres' ? "?? AT TIME ZONE 'UTC' AS ??" : '?? AS ??';
    this.#moment = (column) => knex.raw(sql, [column, column]);
  }

  /** @throws CountersignError `unavailable` */
  has(table: 'private_keys' | 'tuf_files'): Promise<boolean> {
    return asked(this.#knex.schema.hasTable(table));
  }

  /** All keys, in the order they were made, a page at a time. @throws CountersignError `unavailable` */
  async *keys(): AsyncGenerator<NotaryKeyRow> {
    let after = 0;
    for (;;) {
      const page = await asked<KeyColumns[]>(
        this.#knex('private_keys')
          .select('id', 'key_id', 'gun', 'role', 'algorithm', 'passphrase_alias')
          .select(
            ...['public', 'private'].map((name) => this.#knex.raw('substr(??, 1, ?) AS ??', [name, LONGEST, name])),
          )
          .select(this.#moment('last_used'), this.#moment('created_at'))
          .whereNull('deleted_at')
          .where('id', '>', after)
          .orderBy('id')
          .limit(PAGE),
      );
      for (const row of page) yield keyOf(row);
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.id;
    }
  }

  /** The files of one role, the highest version first. @throws CountersignError `unavailable` */
  async *files(gun: string, role: string): AsyncGenerator<NotaryFileRow> {
    const files = this.#knex('tuf_files')
      .select('id', 'version', this.#knex.raw('octet_length(data) AS length'))
      .where({ gun, role })
      .whereNull('deleted_at')
      .orderBy('version', 'desc')
      .limit(PAGE);
    let page = await asked<NotaryFileRow[]>(files.clone());
    for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
      yield* page;
      page = await asked<NotaryFileRow[]>(files.clone().where('version', '<', last.version));
    }
  }

  /** The bytes of a file; undefined where it is gone meanwhile. @throws CountersignError `unavailable` */
  async bytes(id: number): Promise<Uint8Array | undefined> {
    const [row] = await asked<{ data: Uint8Array }[]>(this.#knex('tuf_files').select('data').where({ id }));
    return row?.data;
  }

  async close(): Promise<void> {
    await this.#knex.destroy();
  }
}

function keyOf(row: KeyColumns): NotaryKeyRow {
  return {
    keyId: row.key_id,
    gun: row.gun,
    role: row.role,
    algorithm: row.algorithm,
    alias: row.passphrase_alias,
    published: row.public,
    sealed: typeof row.private === 'string' ? row.private : Buffer.from(row.private).toString('latin1'),
    wasUsed: row.last_used !== null,
    createdAt: row.created_at,
  };
}
