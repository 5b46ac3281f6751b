import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Person } from '../../cli/terminal.js';
import type { NotaryPerson } from './notary-cli.js';
import { makeSignerCertificate, makeSignerKey } from './signer-keys.js';
import { notarySuite } from './stage.js';

const THEIRS = 'a passphrase';
/** Opens what notary made, and is told to notary for what we make. */
const ENVIRONMENT = {
  COUNTERSIGN_PASSPHRASE: THEIRS,
  NOTARY_ROOT_PASSPHRASE: THEIRS,
  NOTARY_TARGETS_PASSPHRASE: THEIRS,
  NOTARY_SNAPSHOT_PASSPHRASE: THEIRS,
};

interface Listed {
  readonly id: string;
  readonly certificate?: { readonly canonicalId: string };
}

notarySuite('our command changes the keys of a collection that notary made', (stage) => {
  let ours: Person;
  beforeEach(async () => {
    ours = await Person.arrive({ server: stage.server.plainUrl });
    Object.assign(ours.env, ENVIRONMENT);
  });
  afterEach(() => ours.leave());

  async function takeOver(gun: string, owner: NotaryPerson): Promise<void> {
    await ours.ok('key', 'import', owner.home.path('trust'));
    await ours.ok('list', gun, '--trust-on-first-use');
  }

  /** Gives notary a private key that our command made. */
  async function handBack(owner: NotaryPerson, id: string): Promise<void> {
    const path = owner.home.path(`${id}.pem`);
    await ours.ok('key', 'export', id, '--format', 'notary', '-o', path);
    await owner.does('key', 'import', path);
  }

  const ways = [
    ['root', ''],
    ['targets', ''],
    ['snapshot', ''],
    ['snapshot', '--mine'],
    ['timestamp', ''],
  ] as const;
  for (const holder of ['the publisher', 'the server']) {
    it.each(ways)(
      `%s %s, the snapshot key with ${holder}, and notary goes on from its old cache`,
      async (role, mine) => {
        const gun = `example.com/rotated-by-ours/${role}${mine}/${holder.replace(' ', '-')}`;
        const owner = await stage.owner(gun, 'v1');
        if (holder === 'the server') await owner.does('key', 'rotate', gun, 'snapshot', '-r');
        const reader = stage.newcomer('reader');
        await reader.lists(gun);
        await takeOver(gun, owner);
        const before = reader.held(gun)['root']!;
        const told = await ours.json<{ key: string }>('rotate', gun, role, ...(mine === '' ? [] : [mine]));
        expect(await owner.lists(gun)).toEqual(['v1']);
        expect(await reader.lists(gun)).toEqual(['v1']);
        expect(reader.held(gun)).toMatchObject({ root: before + 1 });
        if (role === 'targets' || role === 'root' || mine !== '') await handBack(owner, told.key);
        await owner.does('add', gun, 'v2', owner.file('v2'), '-p');
        for (const each of [reader, stage.newcomer('newcomer')]) expect(await each.lists(gun)).toEqual(['v1', 'v2']);
      },
    );
  }

  it('root, and notary rotates it again', async () => {
    const gun = 'example.com/rotated-by-ours/root-twice';
    const owner = await stage.owner(gun, 'v1');
    await takeOver(gun, owner);
    const { key } = await ours.json<{ key: string }>('rotate', gun, 'root');
    await handBack(owner, key);
    const { stdout } = await owner.notary(['key', 'rotate', gun, 'root'], { input: 'yes\n' });
    expect(stdout).toContain('Successfully rotated root key');
    expect(await stage.newcomer('newcomer').lists(gun)).toEqual(['v1']);
    expect(await ours.json('list', gun)).toHaveLength(1);
  });

  const keys: readonly (readonly [string, () => KeyObject])[] = [
    ['P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
    ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
    ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
  ];
  it.each(keys)('delegates to a %s key, which signs, and takes it back', async (kind, newKey) => {
    const gun = `example.com/delegated-by-ours/${kind.toLowerCase()}`;
    const owner = await stage.owner(gun, 'v1');
    await owner.does('key', 'rotate', gun, 'snapshot', '-r');
    await takeOver(gun, owner);
    const key = newKey();
    const pem = owner.home.write('private.pem', key.export({ format: 'pem', type: 'pkcs8' }));
    const pub = owner.home.write('public.pem', createPublicKey(key).export({ format: 'pem', type: 'spki' }));
    await ours.ok('delegation', 'add', gun, 'targets/team', '--key', pub, '--paths', 'team/', 'x');
    expect((await owner.delegations(gun)).flat()).toEqual(expect.arrayContaining(['targets/team', 'team/', 'x']));
    expect(await ours.json('delegation', 'list', gun)).toMatchObject([
      { role: 'targets/team', delegation: { by: 'targets', kind: 'prefixes', paths: ['team/', 'x'] } },
    ]);
    await ours.ok('key', 'import', pem);
    const sha256 = createHash('sha256').update('one').digest('hex');
    await ours.ok('add', gun, 'team/1', '--role', 'targets/team', '--sha256', sha256, '--length', '3');
    await ours.ok('publish', gun);
    expect([...(await stage.newcomer('reader').lists(gun))].sort()).toEqual(['team/1', 'v1']);
    await ours.ok('delegation', 'remove', gun, 'targets/team');
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['v1']);
    expect(await owner.lists(gun)).toEqual(['v1']);
  });

  it('gives a role to another key, which takes the place of what the first one signed', async () => {
    const gun = 'example.com/delegated-by-ours/re-keyed';
    const owner = await stage.owner(gun, 'v1');
    await owner.does('key', 'rotate', gun, 'snapshot', '-r');
    await takeOver(gun, owner);
    const [alice, bob] = [makeSignerKey(owner.home, 'alice'), await makeSignerCertificate(owner.home, 'bob', 'ecdsa')];
    await owner.does('delegation', 'add', gun, 'targets/a', alice.public, '--all-paths', '-p');
    await owner.does('key', 'import', alice.private, '--role', 'user');
    await owner.does('add', gun, 'a1', owner.file('a1'), '--roles', 'targets/a', '-p');
    const reader = stage.newcomer('reader');
    expect(await reader.lists(gun)).toContain('a1');
    await ours.ok('delegation', 'add', gun, 'targets/a', '--key', bob.public);
    const [listed] = await ours.json<{ keys: Listed[] }[]>('delegation', 'list', gun);
    const [first] = listed!.keys.filter(({ certificate }) => certificate === undefined);
    await ours.ok('delegation', 'remove', gun, 'targets/a', '--key', first!.id);
    expect(await reader.lists(gun)).toEqual(['v1']);
    await ours.ok('key', 'import', bob.private);
    const sha256 = createHash('sha256').update('one').digest('hex');
    await ours.ok('add', gun, 'a2', '--role', 'targets/a', '--sha256', sha256, '--length', '3');
    await ours.ok('publish', gun);
    for (const each of [reader, stage.newcomer('newcomer')])
      expect([...(await each.lists(gun))].sort()).toEqual(['a2', 'v1']);
  });

  it('delegates to an Ed25519 key, which notary then signs with', async () => {
    const gun = 'example.com/delegated-by-ours/ed25519';
    const owner = await stage.owner(gun, 'v1');
    await owner.does('key', 'rotate', gun, 'snapshot', '-r');
    await takeOver(gun, owner);
    const file = owner.home.path('own.pem');
    const { id: key } = await ours.json<{ id: string }>('key', 'generate');
    await ours.ok('delegation', 'request', gun, 'targets/ed', '-o', file, '--key', key);
    await ours.ok('delegation', 'add', gun, 'targets/ed', '--key', file);
    await handBack(owner, key);
    await owner.does('add', gun, 'e1', owner.file('e1'), '--roles', 'targets/ed', '-p');
    expect([...(await stage.newcomer('reader').lists(gun))].sort()).toEqual(['e1', 'v1']);
    const other = await Person.arrive();
    Object.assign(other.env, ENVIRONMENT);
    await other.ok('key', 'import', owner.home.path('trust'));
    const schemes = (await other.json<{ scheme: string }[]>('key', 'list')).map(({ scheme }) => scheme);
    expect(schemes.filter((scheme) => scheme === 'ed25519')).toHaveLength(1);
    await other.leave();
  });

  it('delegates to certificates, below delegated roles, and adds to what notary delegated', async () => {
    const gun = 'example.com/delegated-by-ours/nested';
    const owner = await stage.owner(gun, 'v1');
    await owner.does('key', 'rotate', gun, 'snapshot', '-r');
    await takeOver(gun, owner);
    const alice = await makeSignerCertificate(owner.home, 'alice', 'rsa');
    const bob = await makeSignerCertificate(owner.home, 'bob', 'ecdsa');
    await owner.does('delegation', 'add', gun, 'targets/a', alice.public, '--paths', 'a/', '-p');
    await ours.ok('delegation', 'add', gun, 'targets/a', '--key', bob.public, '--paths', 'b/');
    expect((await owner.delegations(gun)).flat()).toEqual(expect.arrayContaining(['targets/a', 'a/', 'b/']));
    await ours.ok('key', 'import', bob.private);
    await ours.ok('delegation', 'add', gun, 'targets/a/deep', '--key', alice.public, '--paths', 'a/deep/');
    expect((await owner.delegations(gun)).map(([role]) => role)).toContain('targets/a/deep');
    await owner.does('key', 'import', alice.private, '--role', 'user');
    await owner.does('add', gun, 'a/deep/1', owner.file('deep'), '--roles', 'targets/a/deep', '-p');
    expect([...(await stage.newcomer('reader').lists(gun))].sort()).toEqual(['a/deep/1', 'v1']);
    const roles = await ours.json<{ role: string; keys: Listed[] }[]>('delegation', 'list', gun);
    const [first] = roles.find(({ role }) => role === 'targets/a')!.keys;
    await ours.ok('delegation', 'remove', gun, 'targets/a', '--key', first!.certificate!.canonicalId);
    const rows = (await owner.delegations(gun)).flat();
    // Still there, of the role below.
    expect(rows.filter((cell) => cell === first!.certificate!.canonicalId)).toHaveLength(1);
  });
});
