import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCa, type Ca } from '../../support/certificates.js';
import { findPostgres, run as runSql, startPostgres, type Postgres } from '../../support/postgres.js';
import { buildPeer } from './build-peer.js';
import { freePort, listens, Service } from './programs.js';
import { startHttpsProxy } from './proxy.js';
import type { TrustServer } from './trust-server.js';

/** Server and signer as in production: PostgreSQL under both, mutual TLS between them, HTTPS before the server. */
export async function startPeer(): Promise<TrustServer> {
  const found = findPostgres();
  if ('missing' in found) throw new Error(`no ${found.missing}`);
  const programs = await buildPeer();
  const directory = await mkdtemp(join(tmpdir(), 'countersign-notary-peer-'));
  const ca = await makeCa('Peer CA');
  const caFile = join(directory, 'ca.crt');
  await writeFile(caFile, ca.certificate);
  const postgres = await startPostgres(found.bin);
  const signer = await startSigner(programs, directory, ca, await signerDatabase(postgres));
  const server = await startServer(programs, directory, signer.port, await serverDatabase(postgres));
  const plainUrl = `http://127.0.0.1:${server.port}`;
  const proxy = await startHttpsProxy(plainUrl, await ca.issue({ cn: 'localhost', use: 'server' }));
  return {
    kind: 'go',
    url: proxy.url,
    plainUrl,
    caFile,
    async stop() {
      await proxy.stop();
      await server.service.stop();
      await signer.service.stop();
      await postgres.stop();
      await rm(directory, { recursive: true });
    },
  };
}

interface Started {
  readonly service: Service;
  readonly port: number;
}

async function startSigner(programs: string, directory: string, ca: Ca, url: string): Promise<Started> {
  const port = await freePort();
  await writeIssued(directory, 'signer', await ca.issue({ cn: 'localhost', use: 'server' }));
  await writeIssued(directory, 'client', await ca.issue({ cn: 'notary-server', use: 'client' }));
  const configuration = {
    server: {
      grpc_addr: `127.0.0.1:${port}`,
      tls_cert_file: 'signer.crt',
      tls_key_file: 'signer.key',
      client_ca_file: 'ca.crt',
    },
    logging: { level: 'error' },
    storage: { backend: 'postgres', db_url: url, default_alias: 'peer' },
  };
  const service = await start(join(programs, 'notary-signer'), directory, 'signer.json', configuration);
  await service.until(() => listens(port));
  return { service, port };
}

async function startServer(programs: string, directory: string, signerPort: number, url: string): Promise<Started> {
  const port = await freePort();
  const configuration = {
    server: { http_addr: `127.0.0.1:${port}` },
    trust_service: {
      type: 'remote',
      hostname: '127.0.0.1',
      port: String(signerPort),
      key_algorithm: 'ecdsa',
      tls_ca_file: 'ca.crt',
      tls_client_cert: 'client.crt',
      tls_client_key: 'client.key',
    },
    logging: { level: 'error' },
    storage: { backend: 'postgres', db_url: url },
  };
  const service = await start(join(programs, 'notary-server'), directory, 'server.json', configuration);
  await service.until(() => isHealthy(`http://127.0.0.1:${port}/_notary_server/health`));
  return { service, port };
}

async function start(program: string, directory: string, name: string, configuration: object): Promise<Service> {
  const path = join(directory, name);
  await writeFile(path, JSON.stringify(configuration));
  return new Service(program, ['-config', path], { NOTARY_SIGNER_PEER: 'a passphrase', TZ: 'UTC' }, directory);
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

async function writeIssued(
  directory: string,
  name: string,
  issued: { certificate: string; key: string },
): Promise<void> {
  await writeFile(join(directory, `${name}.crt`), issued.certificate);
  await writeFile(join(directory, `${name}.key`), issued.key);
}

async function serverDatabase(postgres: Postgres): Promise<string> {
  return database(postgres, [
    `CREATE TABLE tuf_files (id serial PRIMARY KEY, created_at timestamp, updated_at timestamp, deleted_at timestamp,
       gun varchar(255) NOT NULL, role varchar(255) NOT NULL, version integer NOT NULL, data bytea NOT NULL,
       sha256 char(64), UNIQUE (gun, role, version))`,
    'CREATE INDEX ON tuf_files (sha256)',
    'CREATE TABLE change_category (category varchar(20) PRIMARY KEY)',
    `INSERT INTO change_category VALUES ('update'), ('deletion')`,
    `CREATE TABLE changefeed (id serial PRIMARY KEY, created_at timestamp DEFAULT current_timestamp,
       gun varchar(255) NOT NULL, version integer NOT NULL, sha256 char(64),
       category varchar(20) NOT NULL DEFAULT 'update' REFERENCES change_category)`,
    'CREATE INDEX ON changefeed (gun)',
  ]);
}

async function signerDatabase(postgres: Postgres): Promise<string> {
  return database(postgres, [
    `CREATE TABLE private_keys (id serial PRIMARY KEY, created_at timestamp, updated_at timestamp, deleted_at timestamp,
       key_id varchar(255) NOT NULL UNIQUE, encryption_alg varchar(255) NOT NULL, keywrap_alg varchar(255) NOT NULL,
       algorithm varchar(50) NOT NULL, passphrase_alias varchar(50) NOT NULL, public bytea NOT NULL,
       private bytea NOT NULL, gun varchar(255) NOT NULL, role varchar(255) NOT NULL, last_used timestamp)`,
  ]);
}

async function database(postgres: Postgres, statements: readonly string[]): Promise<string> {
  const url = await postgres.create();
  for (const statement of statements) await runSql(url, statement);
  const { searchParams, username, pathname } = new URL(url);
  return `host=${searchParams.get('host') ?? ''} user=${username} dbname=${pathname.slice(1)} sslmode=disable`;
}
