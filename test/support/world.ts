import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Instant } from '@countersign/client/tuf';
import { readConfig, startServer, type RunningServer, type StartOptions } from '../../packages/server/src/index.js';
import type { Config as ServerConfig } from '../../packages/server/src/config.js';
import { parseConfig, type Config as SignerConfig } from '../../packages/signer/src/config.js';
import { migrateSigner, startSigner, type RunningSigner } from '../../packages/signer/src/signer.js';
import { makeCa } from './certificates.js';

/** A log that keeps nothing. */
const nothing = (): void => undefined;
export const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** The passphrase of every signer a test starts. */
export const PASSPHRASE = 'a passphrase only tests know';

const ALIAS = 'test';

/** What every signer a test starts is made of, but its clock. */
export const SIGNER_PARTS = {
  passphrases: [{ alias: ALIAS, passphrase: PASSPHRASE }],
  scrypt: { N: 1024, r: 8, p: 1 },
} as const;

/** A clock that tests move. */
export class TestClock {
  #ahead = 0;

  readonly now = (): Instant => (Date.now() + this.#ahead) as Instant;

  advance(seconds: number): void {
    this.#ahead += seconds * 1000;
  }
}

export interface WorldOptions {
  readonly wrap?: StartOptions['wrap'];
  /** Options of the server's configuration file laid over the defaults, by section. */
  readonly server?: Readonly<Record<string, unknown>>;
  readonly clock?: TestClock;
  /** Another world whose signer this one's server uses; this one starts none. */
  readonly signerOf?: World;
}

/**
 * A real server and a real signer in this process, SQLite each, mutual TLS between them, on free ports of 127.0.0.1, with
 * everything in a temporary directory. Both can be stopped and started again on the same state.
 */
export class World {
  readonly directory: string;
  readonly clock: TestClock;
  #options: WorldOptions;
  #signer: RunningSigner | undefined;
  #server: RunningServer | undefined;
  #signerPort = 0;

  private constructor(directory: string, options: WorldOptions) {
    this.directory = directory;
    this.clock = options.clock ?? new TestClock();
    this.#options = options;
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    const world = new World(await mkdtemp(join(tmpdir(), 'countersign-world-')), options);
    if (options.signerOf === undefined) {
      await world.#certify();
      await world.startSigner();
    } else {
      await cp(options.signerOf.directory, world.directory, {
        recursive: true,
        filter: (path) => !path.endsWith('.db'),
      });
      world.#signerPort = options.signerOf.#signerPort;
    }
    await world.startServer();
    return world;
  }

  /** Base URL, plain HTTP. */
  get url(): string {
    const url = this.#server?.urls.find((candidate) => candidate.startsWith('http:'));
    if (url === undefined) throw new Error('the server is not running');
    return url;
  }

  async #certify(): Promise<void> {
    const ca = await makeCa();
    const signer = await ca.issue({ cn: 'signer', use: 'server' });
    const server = await ca.issue({ cn: 'server', use: 'client' });
    const files = {
      'ca.crt': ca.certificate,
      'signer.crt': signer.certificate,
      'signer.key': signer.key,
      'client.crt': server.certificate,
      'client.key': server.key,
    };
    for (const [name, content] of Object.entries(files))
      await writeFile(join(this.directory, name), content, { mode: 0o600 });
  }

  /** The signer's configuration; the same port at every start once it is known. */
  signerConfig(): SignerConfig {
    return parseConfig(
      JSON.stringify({
        listen: `127.0.0.1:${this.#signerPort}`,
        tls: { certificate: 'signer.crt', key: 'signer.key', clientCa: 'ca.crt' },
        database: { client: 'sqlite', file: 'signer.db' },
        keks: [{ alias: ALIAS }],
        limits: { keysPerMinute: 10_000, unusedKeys: 10_000 },
      }),
      join(this.directory, 'signer.json'),
    );
  }

  async startSigner(): Promise<void> {
    const config = this.signerConfig();
    await migrateSigner(config);
    this.#signer = await startSigner(config, SILENT, { ...SIGNER_PARTS, clock: this.clock.now });
    this.#signerPort = Number(new URL(this.#signer.url).port);
  }

  async stopSigner(): Promise<void> {
    await this.#signer?.close();
    this.#signer = undefined;
  }

  /** The server's configuration; any free port. */
  serverConfig(): Promise<ServerConfig> {
    const document = {
      listen: { http: '127.0.0.1:0' },
      database: { sqlite: 'server.db' },
      signer: {
        url: `https://127.0.0.1:${this.#signerPort}`,
        ca: 'ca.crt',
        certificate: 'client.crt',
        key: 'client.key',
      },
      ...this.#options.server,
    };
    return readConfig(document, { directory: this.directory, environment: {} });
  }

  async startServer(wrap: StartOptions['wrap'] = this.#options.wrap): Promise<void> {
    await this.startConfigured(await this.serverConfig(), wrap);
  }

  /** Starts with a configuration that was changed in ways the file has no options for. */
  async startConfigured(config: ServerConfig, wrap: StartOptions['wrap'] = this.#options.wrap): Promise<void> {
    this.#server = await startServer(config, {
      clock: this.clock.now,
      log: SILENT,
      ...(wrap === undefined ? {} : { wrap }),
    });
  }

  async stopServer(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  async stop(): Promise<void> {
    await this.stopServer();
    await this.stopSigner();
    await rm(this.directory, { recursive: true, force: true });
  }
}
