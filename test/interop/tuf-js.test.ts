import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Updater } from '@countersign/client';
import { newKey, sha256, type SimKey } from '../simulator/keys.js';
import type { RootDoc, TargetsDoc } from '../simulator/documents.js';
import { Publisher } from '../support/publisher.js';
import { updaterOf } from '../support/readers.js';
import { World } from '../support/world.js';
import { installedPackage } from './directory.js';
import { StockMachine, type StockRun } from './stock-client.js';

const GUN = 'registry.example:5000/team/lodash';

/** Names that are legal, and that somebody will use. */
const ODD: Readonly<Record<string, Buffer>> = {
  'odd/with space.txt': Buffer.from('space'),
  'odd/naïve/日本語/🔏.txt': Buffer.from('Unicode'),
  "odd/it's (not) [a] problem!.txt": Buffer.from('punctuation'),
  'odd/.hidden': Buffer.from('dot'),
  'odd/a+b&c=d;e,f@g$h~.tar.gz': Buffer.from('reserved characters'),
  'odd/e\u0301 and \u00e9': Buffer.from('two ways to write one letter'),
  'odd/constructor': Buffer.from('a name that objects have'),
  'odd/100%25 sure?.txt': Buffer.from('what URLs give a meaning'),
  'odd/issue #1.txt': Buffer.from('a fragment'),
  'odd/empty': Buffer.alloc(0),
  'odd/binary': randomBytes(300_000),
};

/** tuf-js puts names into URLs without escaping; this one makes a URL that cannot be decoded. */
const UNDECODABLE = 'percent/100%.txt';

type Kind = 'ecdsa' | 'rsa' | 'ed25519';

let world: World;
let publisher: Publisher;
let files: Map<string, Buffer>;

beforeAll(async () => {
  world = await World.start();
  publisher = new Publisher(world, GUN);
  files = installedPackage('lodash');
  for (const [path, content] of Object.entries(ODD)) files.set(path, content);
  await publishEverything();
});
afterAll(() => world.stop());

async function host(doc: TargetsDoc, contents: Iterable<readonly [string, Buffer]>): Promise<void> {
  const waiting = [...contents].values();
  const work = async (): Promise<void> => {
    for (const [path, content] of waiting) await publisher.host(doc, path, content);
  };
  await Promise.all(Array.from({ length: 8 }, work));
}

/** `by` delegates to a role whose key is of the wanted kind. */
function delegate(by: TargetsDoc, name: string, paths: string[], kind: Kind): TargetsDoc {
  const doc = publisher.delegate(by, name, { paths });
  const key = newKey(kind);
  const { keys, roles } = by.delegations!;
  const entry = roles!.find((role) => role.name === name)!;
  Reflect.deleteProperty(keys, entry.keyids[0]!);
  keys[key.id] = key.json;
  entry.keyids = [key.id];
  publisher.signers.set(name, [key]);
  return doc;
}

async function publishEverything(): Promise<void> {
  const { root, targets } = await publisher.first();
  const under = (test: RegExp): (readonly [string, Buffer])[] => [...files].filter(([path]) => test.test(path));
  Object.assign(root, { 'x-note': { of: ['ours', 1, null, true] } });
  Object.assign(targets, { 'x-note': 'unknown fields are kept' });

  const library = delegate(targets, 'library', ['lodash/*', 'lodash/*/*'], 'rsa');
  const internal = delegate(library, 'library/internal', ['lodash/_*'], 'ecdsa');
  const functional = delegate(library, 'équipe fp', ['lodash/fp/*'], 'ed25519');
  Object.assign(library.delegations!, { 'x-note': 'in delegations' });
  Object.assign(library.delegations!.roles![0]!, { 'x-note': 'in a delegated role' });
  await host(internal, under(/^lodash\/_/u));
  await host(functional, under(/^lodash\/fp\//u));
  await host(library, under(/^lodash\/(?!_|fp\/)/u));

  const odd = delegate(targets, 'odd', ['odd/*', 'odd/.*', 'odd/*/*/*'], 'ecdsa');
  await host(odd, under(/^odd\//u));
  for (const entry of Object.values(odd.targets)) entry.custom = { mode: 0o644, by: ['somebody'], note: null };
  await publisher.host(targets, UNDECODABLE, UNDECODABLE);

  const sealed = publisher.delegate(targets, 'sealed', { paths: ['shared/*'], terminating: true });
  const shadowed = publisher.delegate(targets, 'shadowed', { paths: ['shared/*'] });
  publisher.list(sealed, 'shared/both', 'what the first role says');
  publisher.list(shadowed, 'shared/both', 'what the second role says');
  publisher.list(shadowed, 'shared/only-second', 'behind a terminating delegation');
  const path = 'by-hash/one';
  const byHash = publisher.delegate(targets, 'by-hash', { path_hash_prefixes: [sha256(path).slice(0, 4)] });
  publisher.list(byHash, path, 'by hash prefix');

  const roles = {
    library,
    'library/internal': internal,
    'équipe fp': functional,
    odd,
    sealed,
    shadowed,
    'by-hash': byHash,
  };
  await publisher.publish({ root, targets, ...roles });
}

async function ourFetch(updater: Updater, path: string): Promise<Buffer> {
  const found = await updater.find(path);
  if (found === undefined) throw new Error(`the Updater finds no ${path}`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of updater.open(found)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The paths whose bytes are not the published ones; what cannot be fetched at all throws. */
async function wrong(fetchOne: (path: string) => Promise<Buffer>): Promise<readonly string[]> {
  const bad: string[] = [];
  for (const [path, content] of files) if (!(await fetchOne(path)).equals(content)) bad.push(path);
  return bad;
}

async function ours(updater: Updater, path: string): Promise<string | undefined> {
  const hash = (await updater.find(path))?.file.hashes.get('sha256');
  return hash === undefined ? undefined : Buffer.from(hash).toString('hex');
}

describe('from the first root', () => {
  let machine: StockMachine;
  let stock: StockRun;
  let updater: Updater;
  beforeAll(async () => {
    machine = await StockMachine.withFirstRoot(publisher);
    stock = await machine.run();
    updater = updaterOf(publisher);
  });
  afterAll(() => machine.remove());

  it('publishes a thousand files', () => {
    expect(files.size).toBeGreaterThan(1000);
  });

  it('tuf-js fetches every file, byte for byte', async () => {
    expect(await wrong((path) => stock.fetch(path))).toEqual([]);
  });

  it('the Updater fetches the same', async () => {
    expect(await wrong((path) => ourFetch(updater, path))).toEqual([]);
  });

  it.each([
    ['a target two roles list: the first role wins', 'shared/both', sha256('what the first role says')],
    ['a target behind a terminating delegation', 'shared/only-second', undefined],
    ['a target under its hash prefix', 'by-hash/one', sha256('by hash prefix')],
    ['a path of another hash prefix', 'by-hash/two', undefined],
    ['a target nobody lists', 'odd/absent', undefined],
  ])('tuf-js and the Updater agree on %s', async (_, path, expected) => {
    expect([await stock.find(path), await ours(updater, path)]).toEqual([expected, expected]);
  });

  it('a name whose percent sign tuf-js does not escape: the Updater fetches it, tuf-js only finds it', async () => {
    expect((await ourFetch(updater, UNDECODABLE)).toString()).toBe(UNDECODABLE);
    expect(await stock.find(UNDECODABLE)).toBe(sha256(UNDECODABLE));
    await expect(stock.fetch(UNDECODABLE)).rejects.toMatchObject({ statusCode: 400 });
  });
});

describe('through rotations', () => {
  let old: StockMachine;
  let updater: Updater;
  let before: Readonly<Record<string, number>>;

  beforeAll(async () => {
    old = await StockMachine.withFirstRoot(publisher);
    await old.run();
    updater = updaterOf(publisher);
    await updater.refresh();
    before = await versions(old);
    await rotateEverything();
  });
  afterAll(() => old.remove());

  const ROLES = ['root', 'timestamp', 'snapshot', 'targets'] as const;

  async function versions(machine: StockMachine): Promise<Record<string, number>> {
    return Object.fromEntries(await Promise.all(ROLES.map(async (role) => [role, await machine.kept(role)] as const)));
  }

  function replace(root: RootDoc, role: string, keys: readonly Pick<SimKey, 'id' | 'json'>[], threshold = 1): void {
    for (const id of root.roles[role]!.keyids) Reflect.deleteProperty(root.keys, id);
    for (const key of keys) root.keys[key.id] = key.json;
    root.roles[role] = { keyids: keys.map((key) => key.id), threshold };
  }

  async function rotateRoot(keys: readonly SimKey[], threshold: number): Promise<void> {
    const root = publisher.nextRoot();
    replace(root, 'root', keys, threshold);
    publisher.signers.set('root', [...publisher.signers.get('root')!, ...keys]);
    await publisher.publish({ root });
    publisher.signers.set('root', [...keys]);
  }

  async function rotateOnline(role: 'timestamp' | 'snapshot'): Promise<void> {
    const root = publisher.nextRoot();
    replace(root, role, [await publisher.onlineKey(role, 'POST')]);
    await publisher.publish({ root });
  }

  /** Seven roots later no key of the first one is in use, and a file has changed. */
  async function rotateEverything(): Promise<void> {
    await rotateRoot([newKey('rsa')], 1);
    await rotateOnline('timestamp');
    await rotateRoot([newKey('ecdsa'), newKey('ed25519'), newKey('rsa')], 2);
    await rotateOnline('snapshot');
    await rotateOnline('timestamp');
    const root = publisher.nextRoot();
    const targets = publisher.next();
    const keys = [newKey('rsa'), newKey('ecdsa')];
    replace(root, 'targets', keys, 2);
    publisher.signers.set('targets', keys);
    await publisher.publish({ root, targets });
    await rotateRoot([newKey('ed25519')], 1);
    const odd = publisher.next('odd');
    files.set('odd/empty', Buffer.from('no longer'));
    await publisher.host(odd, 'odd/empty', files.get('odd/empty')!);
    await publisher.publish({ odd });
  }

  it('tuf-js follows from its old cache and fetches every file', async () => {
    const run = await old.run();
    expect(await wrong((path) => run.fetch(path))).toEqual([]);
    const after = await versions(old);
    expect(after).toMatchObject({ root: 8, targets: 2 });
    expect(ROLES.filter((role) => after[role]! <= before[role]!)).toEqual([]);
  });

  it('tuf-js follows from the first root alone', async () => {
    const fresh = await StockMachine.withFirstRoot(publisher);
    const run = await fresh.run();
    expect((await run.fetch('odd/empty')).toString()).toBe('no longer');
    expect(await versions(fresh)).toEqual(await versions(old));
    await fresh.remove();
  });

  it('the Updater follows from its old cache to the same versions', async () => {
    const { final, snapshot, targets } = await updater.refresh();
    expect({
      root: final.root.signed.version,
      timestamp: snapshot.timestamp.signed.version,
      snapshot: snapshot.signed.version,
      targets: targets.signed.version,
    }).toEqual(await versions(old));
    expect(await wrong((path) => ourFetch(updater, path))).toEqual([]);
  });

  it('no key of the first root is left', () => {
    const first = JSON.parse(Buffer.from(publisher.firstRoot).toString()) as { signed: RootDoc };
    const now = publisher.nextRoot();
    expect(Object.keys(now.keys).filter((id) => id in first.signed.keys)).toEqual([]);
  });
});

describe('between two runs', () => {
  it('tuf-js takes what was published meanwhile', async () => {
    const machine = await StockMachine.withFirstRoot(publisher);
    await machine.run();
    const before = await machine.kept('timestamp');
    const targets = publisher.next();
    await publisher.publish({ targets });
    await machine.run();
    expect(await machine.kept('timestamp')).toBe(before + 1);
    expect(await machine.kept('targets')).toBe(targets.version);
    await machine.remove();
  });
});
