/** Which database holds the collections. */
export type DatabaseConfig = SqliteConfig | PostgresConfig;

export interface SqliteConfig {
  readonly client: 'sqlite';
  /** The database file; its directory must exist. */
  readonly file: string;
  /** The largest size the database may reach, in pages of 4,096 bytes; unlimited where it is left out. */
  readonly maxPages?: number;
}

export interface PostgresConfig {
  readonly client: 'postgres';
  /** `postgres://user:password@host:port/database`, or `postgres:///database?host=/socket/directory`. */
  readonly url: string;
  /** Connections for reads, and as many again for writes; 8 where it is left out. */
  readonly connections?: number;
}
