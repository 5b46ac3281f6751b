import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { collectionUrls, Updater, type Fetch, type FetchInit } from '@countersign/client';
import { nodeCrypto } from '@countersign/client/node';
import {
  formatNamed,
  parseGun,
  parseSaneTargetPath,
  TARGETS,
  type KeySigner,
  type TargetFile,
} from '@countersign/client/tuf';
import {
  CollectionServer,
  expiry,
  makeFirstRoot,
  Publisher,
  type AddTarget,
  type KeyRing,
} from '../../packages/client/src/publishing/index.js';
import type { World } from '../support/world.js';

export const format = formatNamed('tuf-1');
export const crypto = nodeCrypto;

export function newSigner(): KeySigner {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  return { key: { scheme: 'ed25519', spki }, sign: async (bytes) => sign(null, bytes, privateKey) };
}

function ringOf(signers: readonly KeySigner[]): KeyRing {
  const find = (spki: Uint8Array | undefined): KeySigner | undefined =>
    signers.find(({ key }) => spki !== undefined && Buffer.compare(key.spki, spki) === 0);
  return {
    held: async (keys) => keys.filter((key) => find(key.spki) !== undefined),
    open: async (keys) => keys.flatMap((key) => find(key.spki) ?? []),
  };
}

/** What a test does with one request; `pass` sends it to the real server. */
export type Meddle = (what: string, pass: () => ReturnType<Fetch>, body: FetchInit['body']) => ReturnType<Fetch>;

/** Somebody who publishes one collection through a wire that a test can cut. */
export class Someone {
  /** Method and last part of the path of every request that is no GET, in order. */
  readonly sent: string[] = [];
  /** Milliseconds waited between attempts. */
  readonly waits: number[] = [];
  readonly publisher: Publisher;
  readonly updater: Updater;
  /** Contents by source. */
  readonly sources = new Map<string, string>();
  meddle: Meddle = (_what, pass) => pass();

  constructor(world: World, collection: Collection) {
    const { gun, firstRoot, signers } = collection;
    const urls = collectionUrls(world.url, gun);
    const fetchThrough: Fetch = async (url, init) => {
      const method = init?.method ?? 'GET';
      if (method === 'GET') return fetch(url, init);
      const what = `${method} ${decodeURIComponent(new URL(url).pathname.split('/_trust/')[1] ?? '')}`;
      this.sent.push(what);
      return this.meddle(what, () => fetch(url, init), init?.body);
    };
    const firstTrust = { kind: 'file', raw: firstRoot } as const;
    const common = { fetch: fetchThrough, urls, crypto, format, gun, now: Date.now };
    this.updater = new Updater({ ...common, purpose: 'publish', firstTrust });
    this.publisher = new Publisher({
      server: new CollectionServer({ urls, fetch: fetchThrough, format: format.name }),
      updater: this.updater,
      ring: ringOf(Object.values(signers)),
      format,
      crypto,
      now: Date.now,
      wait: async (milliseconds) => void this.waits.push(milliseconds),
      random: () => 0.5,
      open: (source) => this.#open(source),
    });
  }

  /** A new target, its content to be uploaded. */
  add(path: string, content: string): AddTarget {
    this.sources.set(path, content);
    const base = { version: 0, content: undefined };
    return { kind: 'add', role: TARGETS, path: parseSaneTargetPath(path), file: describe(content), source: path, base };
  }

  posts(): number {
    return this.sent.filter((what) => what.startsWith('POST')).length;
  }

  /** What a reader sees: the paths of the targets, and the delegated roles. */
  async published(): Promise<{ readonly targets: string[]; readonly roles: string[]; readonly version: number }> {
    await this.updater.refresh();
    const { signed } = (await this.updater.state()).trust.targets;
    const roles = (signed.delegations?.roles ?? []).map(({ name }) => name);
    return { targets: [...signed.targets.keys()].sort(), roles: roles.sort(), version: signed.version };
  }

  async *#open(source: string): AsyncGenerator<Uint8Array, void, undefined> {
    yield Buffer.from(this.sources.get(source) ?? '');
  }
}

function describe(content: string): TargetFile {
  const sha256 = createHash('sha256').update(content).digest();
  return { length: Buffer.byteLength(content), hashes: new Map([['sha256', sha256]]) };
}

export interface Collection {
  readonly gun: ReturnType<typeof parseGun>;
  readonly firstRoot: Uint8Array;
  readonly signers: { readonly root: KeySigner; readonly targets: KeySigner };
}

/** A collection whose first root is made and not published. */
export async function newCollection(world: World, name: string): Promise<Collection> {
  const gun = parseGun(name);
  const server = new CollectionServer({
    urls: collectionUrls(world.url, gun),
    fetch: fetch,
    format: format.name,
  });
  const signers = { root: newSigner(), targets: newSigner() };
  const expires = expiry(Math.floor(Date.now()) as Parameters<typeof expiry>[0], 90);
  return { gun, signers, firstRoot: await makeFirstRoot({ format, crypto, server }, signers, expires) };
}
