import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../simulator/notary.js';
import { World } from '../support/world.js';
import { Person } from './terminal.js';

const FIRST_USE = '--trust-on-first-use';
const DAY_MS = 86_400_000;

interface Role {
  readonly role: string;
  readonly version: number;
  readonly expires: string;
  readonly keys: readonly { readonly id: string; readonly scheme: string; readonly certificate?: object }[];
}

let world: World;
let owner: Person;
let name = '';
let count = 0;

beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.stop());
beforeEach(async () => {
  owner = await Person.arrive({ server: world.url });
  name = `example.com/notary/${(count += 1)}`;
});
afterEach(() => owner.leave());

const digest = (text: string): string[] => ['--sha256', sha256(text), '--length', String(text.length)];

async function begin(...options: string[]): Promise<{ readonly root: string; readonly targets: string }> {
  const told = await owner.json<{ keys: { root: string; targets: string } }>(
    'init',
    name,
    '--format',
    'notary',
    ...options,
  );
  await owner.ok('add', name, 'v1', ...digest('one'));
  await owner.ok('publish', name);
  return told.keys;
}

async function role(which: string): Promise<Role> {
  const { roles } = await owner.json<{ roles: Role[] }>('inspect', name);
  return roles.find((each) => each.role === which)!;
}

function daysLeft(expires: string): number {
  return Math.round((Date.parse(expires) - Date.now()) / DAY_MS);
}

async function importKey(key: KeyObject): Promise<string> {
  const file = owner.path('imported.pem');
  await writeFile(file, key.export({ format: 'pem', type: 'pkcs8' }));
  return (await owner.json<{ id: string }>('key', 'import', file)).id;
}

async function publicKey(key: KeyObject): Promise<string> {
  const file = owner.path('public.pem');
  await writeFile(file, createPublicKey(key).export({ format: 'pem', type: 'spki' }));
  return file;
}

const newKey = (curve: 'P-256' | 'P-384' = 'P-256'): KeyObject =>
  generateKeyPairSync('ec', { namedCurve: curve }).privateKey;
const newRsa = (): KeyObject => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

describe('init --format notary', () => {
  it('begins a collection with keys and lifetimes as docker makes them', async () => {
    await begin();
    const root = await role('root');
    expect(root.keys).toMatchObject([{ scheme: 'ecdsa-p256-sha256', certificate: { commonName: name } }]);
    expect([daysLeft(root.expires), daysLeft((await role('targets')).expires)]).toEqual([3650, 1095]);
    expect((await role('targets')).keys).toMatchObject([{ scheme: 'ecdsa-p256-sha256' }]);
    const reader = await Person.arrive({ server: world.url });
    expect(await reader.json('list', name, FIRST_USE)).toMatchObject([{ target: 'v1' }]);
    await reader.leave();
  });

  it('takes a root key that signs for another collection already', async () => {
    const { root } = await begin();
    name = `${name}/second`;
    expect(await begin('--key', root.slice(0, 12))).toMatchObject({ root });
    const { uses } = (await owner.json<{ id: string; uses: object[] }[]>('key', 'list')).find(({ id }) => id === root)!;
    expect(uses).toHaveLength(2);
  });

  it('refuses a root key that Notary cannot certify, and makes no other in vain', async () => {
    const { id } = await owner.json<{ id: string }>('key', 'generate');
    const ran = await owner.run('init', name, '--format', 'notary', '--key', id);
    expect(ran).toMatchObject({ code: 9 });
    expect(ran.err).toContain('cannot be Ed25519');
    expect(await owner.json('key', 'list')).toHaveLength(1);
    expect(await owner.run('init', name, '--format', 'notary', '--key', 'f'.repeat(64))).toMatchObject({ code: 3 });
  });

  it('keys tell notary their roles without being told', async () => {
    const { root, targets } = await begin();
    expect(await owner.ok('key', 'export', root, '--format', 'notary')).toMatch(/\nrole: root\n\n/u);
    expect(await owner.ok('key', 'export', targets, '--format', 'notary')).toMatch(
      new RegExp(`\\ngun: ${name}\\npath: [0-9a-f]{64}\\nrole: targets\\n\\n`, 'u'),
    );
  });
});

describe('rotate', () => {
  it.each(['root', 'targets', 'timestamp', 'snapshot'])('gives %s a new key', async (which) => {
    await begin();
    const before = (await role(which)).keys;
    await owner.ok('rotate', name, which);
    const after = (await role(which)).keys;
    expect(after).toHaveLength(1);
    expect(after[0]!.id).not.toBe(before[0]!.id);
    await owner.ok('add', name, 'v2', ...digest('two'));
    await owner.ok('publish', name);
  });

  it('keeps former root keys in the root, and gives a certificate anew to the same key', async () => {
    const { root } = await begin();
    const before = (await role('root')).keys[0]!.id;
    await owner.ok('rotate', name, 'root', '--key', root);
    expect((await role('root')).keys[0]!.id).not.toBe(before);
    const raw = await (await fetch(`${world.url}/v2/${name}/_trust/tuf/2.root.json`)).text();
    expect(raw).toContain(`"${before}":{`);
  });

  it('hands the snapshot key to the publisher, and back', async () => {
    await begin();
    expect((await owner.json<{ versions: object }>('rotate', name, 'snapshot', '--mine')).versions).toHaveProperty(
      'snapshot',
    );
    await owner.ok('add', name, 'v2', ...digest('two'));
    expect((await owner.json<{ versions: object }>('publish', name)).versions).toHaveProperty('snapshot');
    for (const which of ['targets', 'root', 'timestamp']) await owner.ok('rotate', name, which);
    await owner.ok('rotate', name, 'snapshot');
    await owner.ok('add', name, 'v3', ...digest('three'));
    expect((await owner.json<{ versions: object }>('publish', name)).versions).not.toHaveProperty('snapshot');
  });

  it('is for who holds the root key, and a new key is not made in vain', async () => {
    await begin();
    const stranger = await Person.arrive({ server: world.url });
    expect(await stranger.run('rotate', name, 'targets', FIRST_USE)).toMatchObject({ code: 8 });
    expect(await stranger.json('key', 'list')).toEqual([]);
    await stranger.leave();
  });
});

describe('delegation', () => {
  it('is to keys, which may sign later, and grows', async () => {
    await begin();
    const [first, second] = [newKey(), newRsa()];
    await owner.ok('delegation', 'add', name, 'targets/team', '--key', await publicKey(first), '--paths', 'a/');
    await owner.ok('delegation', 'add', name, 'targets/team', '--key', await publicKey(second), '--paths', 'b/');
    const [listed] = await owner.json<Role[]>('delegation', 'list', name);
    expect(listed).toMatchObject({
      role: 'targets/team',
      threshold: 1,
      delegation: { by: 'targets', paths: ['a/', 'b/'] },
    });
    expect(listed).not.toHaveProperty('version');
    expect(listed!.keys).toHaveLength(2);
    expect(await owner.ok('delegation', 'list', name)).toMatch(/^targets\/team +targets +- /mu);
    const again = ['delegation', 'add', name, 'targets/team', '--key', await publicKey(first), '--paths', 'a/'];
    expect(await owner.json(...again)).toMatchObject({ kind: 'nothing' });
    await owner.ok('delegation', 'remove', name, 'targets/team');
    expect(await owner.json('delegation', 'list', name)).toEqual([]);
  });

  it.each([
    ['P-256', newKey],
    ['P-384', () => newKey('P-384')],
    ['RSA', newRsa],
  ] as const)('is below the role that its name says, and signed by a key of %s', async (_, make) => {
    await begin();
    const key = make();
    await importKey(key);
    await owner.ok('delegation', 'add', name, 'targets/a', '--key', await publicKey(key));
    const told = await owner.json('delegation', 'add', name, 'targets/a/deep', '--key', await publicKey(key));
    expect(told).toMatchObject({ by: 'targets/a', versions: { 'targets/a': 1 } });
    await owner.ok('add', name, 'x', '--role', 'targets/a/deep', ...digest('x'));
    await owner.ok('publish', name);
    expect(await owner.json('list', name)).toHaveLength(2);
    expect(await owner.json('delegation', 'remove', name, 'targets/a/deep')).toMatchObject({ by: 'targets/a' });
    expect(await owner.json('list', name)).toHaveLength(1);
  });

  it('to another key leaves what the first one signed behind, and goes on above it', async () => {
    await begin();
    const [first, second] = [newKey(), newKey()];
    await importKey(first);
    await owner.ok('delegation', 'add', name, 'targets/a', '--key', await publicKey(first));
    for (const target of ['x', 'y']) {
      await owner.ok('add', name, target, '--role', 'targets/a', ...digest(target));
      await owner.ok('publish', name);
    }
    await owner.ok('delegation', 'remove', name, 'targets/a');
    await owner.ok('delegation', 'add', name, 'targets/a', '--key', await publicKey(second));
    expect(await owner.json('list', name)).toMatchObject([{ target: 'v1' }]);
    await importKey(second);
    await owner.ok('add', name, 'x', '--role', 'targets/a', ...digest('another'));
    expect(await owner.json('publish', name)).toMatchObject({ versions: { 'targets/a': 3 } });
    expect(await owner.json('list', name)).toMatchObject([{ target: 'v1' }, { target: 'x', length: 7 }]);
  });

  it('is taken from one key alone, known by how its id begins, and never from the last', async () => {
    await begin();
    const [first, second] = [newKey(), newRsa()];
    await owner.ok('delegation', 'add', name, 'targets/a', '--key', await publicKey(first));
    await owner.ok('delegation', 'add', name, 'targets/a', '--key', await publicKey(second));
    const keys = async (): Promise<readonly string[]> => {
      const [listed] = await owner.json<Role[]>('delegation', 'list', name);
      return listed!.keys.map(({ id }) => id);
    };
    const [gone, kept] = await keys();
    expect(await owner.run('delegation', 'remove', name, 'targets/a', '--key', 'f'.repeat(64))).toMatchObject({
      code: 3,
    });
    expect(await owner.json('delegation', 'remove', name, 'targets/a', '--key', gone!.slice(0, 12))).toMatchObject({
      keys: [gone],
    });
    expect(await keys()).toEqual([kept]);
    const last = await owner.run('delegation', 'remove', name, 'targets/a', '--key', kept!);
    expect(last).toMatchObject({ code: 2 });
    expect(last.err).toContain('without --key');
  });

  it('is asked for with a public key', async () => {
    await begin();
    const file = owner.path('mine.pem');
    const told = await owner.ok('delegation', 'request', name, 'targets/mine', '-o', file);
    expect(told).toContain(`delegation add ${name} targets/mine --key ${file}`);
    expect(await readFile(file, 'utf8')).toMatch(/^-----BEGIN PUBLIC KEY-----\n/u);
    await owner.ok('delegation', 'add', name, 'targets/mine', '--key', file);
    await owner.ok('add', name, 'x', '--role', 'targets/mine', ...digest('x'));
    await owner.ok('publish', name);
  });

  it('is asked for by somebody who knows nothing yet, in the format they name', async () => {
    const file = owner.path('theirs.pem');
    await owner.ok('delegation', 'request', 'example.com/unknown', 'targets/x', '-o', file, '--format', 'notary');
    expect(await readFile(file, 'utf8')).toContain('BEGIN PUBLIC KEY');
    await begin();
    const more = ['-o', owner.path('other'), '--format', 'tuf'];
    expect(await owner.run('delegation', 'request', name, 'targets/x', ...more)).toMatchObject({ code: 9 });
  });

  it.each([
    ['a request', ['targets/x', '--request', 'FILE'], 2],
    ['nothing', ['targets/x'], 2],
    ['a name of another kind', ['team', '--key', 'KEY'], 2],
    ['a private key', ['targets/x', '--key', 'PRIVATE'], 4],
    ['a file that is not there', ['targets/x', '--key', 'FILE'], 3],
    ['a terminating one', ['targets/x', '--key', 'KEY', '--terminating'], 2],
    ['what to abandon', ['targets/x', '--key', 'KEY', '--abandon', 'targets/y'], 2],
    ['one below a role that is not there', ['targets/x/y', '--key', 'KEY'], 9],
  ])('refuses %s', async (_, argv, code) => {
    await begin();
    const key = newKey();
    await importKey(key);
    const files: Readonly<Record<string, string>> = {
      KEY: await publicKey(key),
      PRIVATE: owner.path('imported.pem'),
      FILE: owner.path('nothing'),
    };
    const given = argv.map((word) => files[word] ?? word);
    expect(await owner.run('delegation', 'add', name, ...given)).toMatchObject({ code, out: '' });
  });
});

describe('a collection of TUF 1.0', () => {
  it('takes requests, not keys', async () => {
    await owner.ok('init', name);
    await owner.ok('publish', name);
    const ran = await owner.run('delegation', 'add', name, 'team', '--key', await publicKey(newKey()));
    expect(ran).toMatchObject({ code: 2 });
    expect(ran.err).toContain('give it as --request');
  });

  it.each([
    ['P-384', () => newKey('P-384')],
    ['RSA', newRsa],
  ] as const)('is signed with imported keys of %s', async (_, make) => {
    const key = await importKey(make());
    await owner.ok('init', name, '--key', key);
    await owner.ok('publish', name);
    await owner.ok('rotate', name, 'targets', '--key', key);
    const file = owner.path('a.txt');
    await writeFile(file, 'a');
    await owner.ok('add', name, file);
    await owner.ok('publish', name);
    expect(await owner.json('list', name)).toHaveLength(1);
  });

  it('may have its snapshot signed by the publisher', async () => {
    await owner.ok('init', name);
    await owner.ok('publish', name);
    await owner.ok('rotate', name, 'snapshot', '--mine');
    const file = owner.path('a.txt');
    await writeFile(file, 'a');
    await owner.ok('add', name, file);
    expect(await owner.json('publish', name)).toMatchObject({ versions: { snapshot: 3 } });
    await owner.ok('rotate', name, 'targets');
    await owner.ok('rotate', name, 'snapshot');
    expect(await owner.json('list', name)).toHaveLength(1);
  });
});
