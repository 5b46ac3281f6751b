import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fetch } from '../http/fetch.js';
import type { Credentials } from '../http/token-exchange.js';
import { connect, type Connection } from '../node/connect.js';
import { nodeCrypto } from '../node/crypto.js';
import { dockerLogin } from '../node/docker-config.js';
import { Home, type CollectionHome } from '../node/home.js';
import { KeyStore } from '../node/key-store.js';
import type { LockOptions } from '../node/lock.js';
import { StoredKeyRing } from '../node/stored-key-ring.js';
import { CountersignError, hasCode } from '../tuf/errors.js';
import { formatNamed } from '../tuf/formats/index.js';
import { parseGun, type Gun, type KeyId } from '../tuf/names.js';
import { baseUrl } from '../http/urls.js';
import { shellWord } from './hint.js';
import { bundleIn, checkName, explainBundle, type Bundled } from './trust/bundled.js';
import { Collection, type TokenVariable } from './collection.js';
import type { CommandIo } from './terminal/io.js';
import { findLocked, type Locked } from './trust/locked.js';
import type { CommonOptions } from './options.js';
import { openStaged } from './files/open-staged.js';
import { Output, short } from './terminal/output.js';
import { Passphrases } from './terminal/passphrase.js';

/** Runs one verb's work in a session that is closed afterwards. */
export type Run = (options: CommonOptions, work: (session: Session) => Promise<void>) => Promise<void>;

/** What one run of the command works with. `close` on every path. */
export class Session {
  readonly io: CommandIo;
  readonly options: CommonOptions;
  readonly output: Output;
  readonly format = formatNamed('tuf-1');
  readonly crypto = nodeCrypto;
  /** Marks locks as this process's. */
  readonly process: LockOptions;
  readonly home: Home;
  readonly keys: KeyStore;
  readonly passphrases: Passphrases;
  readonly ring: StoredKeyRing;
  #connection: Promise<Connection> | undefined;
  #bundle: Promise<Bundled | undefined> | undefined;

  constructor(io: CommandIo, options: CommonOptions) {
    this.io = io;
    this.options = options;
    this.output = new Output(io);
    const directory = given(io.env['COUNTERSIGN_HOME']) ?? join(given(io.env['HOME']) ?? homedir(), '.countersign');
    this.process = { pid: io.pid ?? process.pid, isAlive };
    this.home = new Home(directory, this.process);
    const scrypt = io.scrypt === undefined ? {} : { scrypt: io.scrypt };
    const onUnusable = this.#tellOnce();
    this.keys = new KeyStore({
      ...{ directory: this.home.keys, format: this.format, crypto: this.crypto, onUnusable },
      ...scrypt,
    });
    this.passphrases = new Passphrases(io, options.passphraseFile);
    this.ring = new StoredKeyRing(this.keys, (id) => this.openKey(id));
  }

  get now(): number {
    return (this.io.now ?? Date.now)();
  }

  /** Says so where others can write in the home directory. */
  async checkHome(): Promise<void> {
    const open = await this.home.writableByOthers();
    if (open === undefined) return;
    const mend = `chmod go-w ${shellWord(open)}`;
    this.output.note(`others can write in ${open}, and so decide what you trust and publish: \`${mend}\``);
  }

  /** Keys are listed more than once in a run. */
  #tellOnce(): (why: CountersignError) => void {
    const told = new Set<string>();
    return ({ message, next = '' }) => {
      if (!told.has(message)) this.output.note(`passed over: ${message}. ${next}`.trimEnd());
      told.add(message);
    };
  }

  openKey(id: KeyId): ReturnType<KeyStore['load']> {
    return this.passphrases.unlock(`key ${short(id)}`, (passphrase) => this.keys.load(id, passphrase));
  }

  /**
   * The passphrase for keys to be made: that of the keys there are, so that one mistyped does not make keys nobody can open.
   * @throws CountersignError `unsealed`
   */
  async passphraseForNewKeys(): Promise<string> {
    const [first, ...others] = await this.keys.list();
    if (first === undefined) return this.passphrases.fresh();
    return this.passphrases.unlock(`key ${short(first.id)}, which is to open the new one too`, async (passphrase) => {
      for (const { id } of [first, ...others]) if (await this.#opens(id, passphrase)) return passphrase;
      throw new CountersignError('unsealed', 'this passphrase opens none of the keys you have', {
        next: 'Give the one you chose for them; keys under another belong into another COUNTERSIGN_HOME.',
      });
    });
  }

  async #opens(id: KeyId, passphrase: string): Promise<boolean> {
    try {
      await this.keys.load(id, passphrase);
      return true;
    } catch (error) {
      if (hasCode(error, 'unsealed')) return false;
      throw error;
    }
  }

  /** The collection of that name, wherever its server is. @throws CountersignError `invalid-name` */
  async collection(name: string): Promise<Collection> {
    const home = this.home.collection(parseGun(name));
    return new Collection(this, home, { server: await this.#server(home), as: 'user' });
  }

  /**
   * The collection of that name as it is read: as a `trust.lock` has it, where there is one that names it.
   * @throws CountersignError as `collection` and `findLocked`
   */
  async reader(name: string): Promise<Collection> {
    const gun = parseGun(name);
    const bundled = await this.bundle();
    if (bundled !== undefined) checkName(bundled, gun);
    const locked = await findLocked(this, gun);
    if (locked === undefined && bundled === undefined) return this.collection(name);
    if (locked === undefined)
      return new Collection(this, this.home.collection(gun), { server: undefined, bundled, as: 'anonymous' });
    if (locked.how === 'found') this.output.note(`${gun} is believed, and held to, as ${locked.path} here records it`);
    return this.lockedCollection(gun, locked, bundled);
  }

  /** The bundle that the options name, open until this session is closed. @throws CountersignError as `bundleIn` */
  bundle(): Promise<Bundled | undefined> {
    this.#bundle ??= bundleIn(this.options, this.now);
    return this.#bundle;
  }

  /** An error in the words of who reads a bundle, where this session does. */
  async explained(error: unknown): Promise<unknown> {
    const bundled = await this.#bundle?.catch(() => undefined);
    return bundled === undefined ? error : explainBundle(error, bundled);
  }

  async lockedCollection(gun: Gun, locked: Locked, bundled?: Bundled): Promise<Collection> {
    const home = this.home.collection(gun);
    const known = await this.#server(home);
    const server = this.options.server ?? given(this.io.env['COUNTERSIGN_SERVER']) ?? locked.entry.server;
    // A file that just lies here may name any server: it must not get the user's passwords by that.
    const as = locked.how === 'given' || (known !== undefined && baseUrl(known) === baseUrl(server));
    return new Collection(this, home, { server, locked, bundled, as: as ? 'user' : 'anonymous' });
  }

  /** The server that the user has named, now or earlier. */
  async #server(home: CollectionHome): Promise<string | undefined> {
    return this.options.server ?? given(this.io.env['COUNTERSIGN_SERVER']) ?? (await home.record())?.server;
  }

  /** The platform's fetch, stopped with the command. */
  readonly fetch: Fetch = async (url, init = {}) => {
    this.#connection ??= this.#connect();
    const { fetch } = await this.#connection;
    const signals = [init.signal, this.io.signal].filter((signal) => signal !== undefined);
    return fetch(url, { ...init, ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }) });
  };

  readonly token = (variable: TokenVariable): string | undefined => given(this.io.env[variable]);

  /** What `docker login` left for a registry. */
  readonly login = (registry: string): Promise<Credentials | undefined> => {
    const { env } = this.io;
    const directory = given(env['DOCKER_CONFIG']) ?? join(given(env['HOME']) ?? homedir(), '.docker');
    return dockerLogin(registry, { directory, env });
  };

  /** The bytes of a local file that a change names. */
  readonly open = openStaged;

  readonly wait = async (milliseconds: number): Promise<void> => {
    await delay(milliseconds, undefined, this.io.signal === undefined ? {} : { signal: this.io.signal });
  };

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.close();
    const bundle = await this.#bundle?.catch(() => undefined);
    await bundle?.close();
  }

  async #connect(): Promise<Connection> {
    const path = this.options.ca ?? given(this.io.env['COUNTERSIGN_CA']);
    if (path === undefined) return connect();
    const ca = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw new CountersignError('usage', `the CA file ${path} cannot be read`, {
        cause,
        next: 'Check --ca or COUNTERSIGN_CA.',
      });
    });
    checkCa(ca, path);
    return connect({ ca });
  }
}

/** Node would take anything, and then know no authority at all. */
function checkCa(pem: string, path: string): void {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/gu) ?? [];
  try {
    for (const certificate of certificates) new X509Certificate(certificate);
    if (certificates.length > 0) return;
  } catch (cause) {
    throw new CountersignError('usage', `the CA file ${path} holds a damaged certificate`, {
      cause,
      next: 'Check --ca or COUNTERSIGN_CA.',
    });
  }
  throw new CountersignError('usage', `the CA file ${path} holds no certificate in PEM form`, {
    next: 'Check --ca or COUNTERSIGN_CA.',
  });
}

function given(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
