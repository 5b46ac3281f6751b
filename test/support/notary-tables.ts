/** Whose tables: what Notary's migration scripts make, for its server and its signer. */
export type NotaryProgram = 'server' | 'signer';

/** Statements that make Notary's tables. */
export function notaryTables(engine: 'postgres' | 'mysql', program: NotaryProgram): readonly string[] {
  return TABLES[program].map((statement) => (engine === 'postgres' ? statement : inMysql(statement)));
}

const TIMES = 'created_at timestamp NULL, updated_at timestamp NULL, deleted_at timestamp NULL';

const TABLES: Readonly<Record<NotaryProgram, readonly string[]>> = {
  server: [
    `CREATE TABLE tuf_files (id serial PRIMARY KEY, ${TIMES}, gun varchar(255) NOT NULL, role varchar(255) NOT NULL,
       version integer NOT NULL, data bytea NOT NULL, sha256 char(64), UNIQUE (gun, role, version))`,
    'CREATE INDEX sha256 ON tuf_files (sha256)',
    'CREATE TABLE change_category (category varchar(20) PRIMARY KEY)',
    `INSERT INTO change_category VALUES ('update'), ('deletion')`,
    `CREATE TABLE changefeed (id serial PRIMARY KEY, created_at timestamp DEFAULT current_timestamp,
       gun varchar(255) NOT NULL, version integer NOT NULL, sha256 char(64),
       category varchar(20) NOT NULL DEFAULT 'update' REFERENCES change_category (category))`,
    'CREATE INDEX gun ON changefeed (gun)',
  ],
  signer: [
    `CREATE TABLE private_keys (id serial PRIMARY KEY, ${TIMES}, key_id varchar(255) NOT NULL UNIQUE,
       encryption_alg varchar(255) NOT NULL, keywrap_alg varchar(255) NOT NULL, algorithm varchar(50) NOT NULL,
       passphrase_alias varchar(50) NOT NULL, public bytea NOT NULL, private bytea NOT NULL,
       gun varchar(255) NOT NULL, role varchar(255) NOT NULL, last_used timestamp NULL)`,
  ],
};

/** Its scripts for MySQL say int for ids, longblob for metadata, blob for keys, and utf8. */
function inMysql(statement: string): string {
  const typed = statement
    .replaceAll('id serial', 'id int NOT NULL AUTO_INCREMENT')
    .replace('data bytea', 'data longblob')
    .replaceAll('bytea', 'blob');
  return typed.startsWith('CREATE TABLE') ? `${typed} DEFAULT CHARACTER SET utf8` : typed;
}
