import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCa, type Ca } from '../../support/certificates.js';
import { notaryTables, type NotaryProgram } from '../../support/notary-tables.js';
import { findPostgres, run as runSql, startPostgres, type Postgres } from '../../support/postgres.js';
import { buildPeer } from './build-peer.js';
import { freePort, listens, Service } from '../../support/programs.js';
import { startHttpsProxy } from './proxy.js';
import type { TrustServer } from './trust-server.js';

/** Server and signer as in production: PostgreSQL under both, mutual TLS between them, HTTPS before the server. */
export async function startPeer(): Promise<TrustServer> {
  const deployment = await NotaryDeployment.create();
  const running = await deployment.start();
  return {
    ...running,
    async stop() {
      await running.stop();
      await deployment.remove();
    },
  };
}

/** An installation of Notary: databases, certificates and configuration, whether it runs or not. */
export class NotaryDeployment {
  /** Addresses of the databases. */
  readonly databases: { readonly server: string; readonly signer: string };
  readonly #programs: string;
  readonly #directory: string;
  readonly #ca: Ca;
  readonly #postgres: Postgres;

  private constructor(
    programs: string,
    directory: string,
    ca: Ca,
    parts: { readonly postgres: Postgres; readonly server: string; readonly signer: string },
  ) {
    this.#programs = programs;
    this.#directory = directory;
    this.#ca = ca;
    this.#postgres = parts.postgres;
    this.databases = { server: parts.server, signer: parts.signer };
  }

  static async create(): Promise<NotaryDeployment> {
    const found = findPostgres();
    if ('missing' in found) throw new Error(`no ${found.missing}`);
    const programs = await buildPeer();
    const directory = await mkdtemp(join(tmpdir(), 'countersign-notary-peer-'));
    const ca = await makeCa('Peer CA');
    await writeFile(join(directory, 'ca.crt'), ca.certificate);
    const postgres = await startPostgres(found.bin);
    const [server, signer] = [await database(postgres, 'server'), await database(postgres, 'signer')];
    return new NotaryDeployment(programs, directory, ca, { postgres, server, signer });
  }

  /** Starts both programs, on free ports. */
  async start(keyAlgorithm: 'ecdsa' | 'ed25519' = 'ecdsa'): Promise<TrustServer> {
    const [programs, directory, ca] = [this.#programs, this.#directory, this.#ca];
    const signer = await startSigner(programs, directory, ca, dsnOf(this.databases.signer));
    const url = dsnOf(this.databases.server);
    const server = await startServer(programs, directory, { signerPort: signer.port, url, keyAlgorithm });
    const plainUrl = `http://127.0.0.1:${server.port}`;
    const proxy = await startHttpsProxy(plainUrl, await ca.issue({ cn: 'localhost', use: 'server' }));
    return {
      kind: 'go',
      url: proxy.url,
      plainUrl,
      caFile: join(directory, 'ca.crt'),
      async stop() {
        await proxy.stop();
        await server.service.stop();
        await signer.service.stop();
      },
    };
  }

  /** A new, empty database on the same PostgreSQL. */
  emptyDatabase(): Promise<string> {
    return this.#postgres.create();
  }

  async remove(): Promise<void> {
    await this.#postgres.stop();
    await rm(this.#directory, { recursive: true });
  }
}

/** What the signer seals with: the alias and its passphrase. */
export const PEER_PASSPHRASE = { alias: 'peer', passphrase: 'a passphrase' } as const;

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
    storage: { backend: 'postgres', db_url: url, default_alias: PEER_PASSPHRASE.alias },
  };
  const service = await start(join(programs, 'notary-signer'), directory, 'signer.json', configuration);
  await service.until(() => listens(port));
  return { service, port };
}

interface ServerOptions {
  readonly signerPort: number;
  readonly url: string;
  readonly keyAlgorithm: 'ecdsa' | 'ed25519';
}

async function startServer(programs: string, directory: string, options: ServerOptions): Promise<Started> {
  const { signerPort, url, keyAlgorithm } = options;
  const port = await freePort();
  const configuration = {
    server: { http_addr: `127.0.0.1:${port}` },
    trust_service: {
      type: 'remote',
      hostname: '127.0.0.1',
      port: String(signerPort),
      key_algorithm: keyAlgorithm,
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
  return new Service(
    program,
    ['-config', path],
    { NOTARY_SIGNER_PEER: PEER_PASSPHRASE.passphrase, TZ: 'UTC' },
    directory,
  );
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

async function database(postgres: Postgres, program: NotaryProgram): Promise<string> {
  const url = await postgres.create();
  for (const statement of notaryTables('postgres', program)) await runSql(url, statement);
  return url;
}

/** As Go's driver wants it. */
function dsnOf(url: string): string {
  const { searchParams, username, pathname } = new URL(url);
  return `host=${searchParams.get('host') ?? ''} user=${username} dbname=${pathname.slice(1)} sslmode=disable`;
}
