import { expect, it } from 'vitest';
import { fatal, type NotaryPerson } from './notary-cli.js';
import { makeSignerKey } from './signer-keys.js';
import { notarySuite, type NotaryStage } from './stage.js';

const SURE = { input: 'yes\n' };

/** Rotates the root key, which asks whether one is sure. */
async function rotateRoot(owner: NotaryPerson, gun: string, ...options: readonly string[]): Promise<void> {
  const { stdout } = await owner.notary(['key', 'rotate', gun, 'root', ...options], SURE);
  expect(stdout).toContain('Successfully rotated root key');
}

/** A reader who knew the collection before, and one who never did, find the same in it. */
async function bothRead(
  stage: NotaryStage,
  gun: string,
  reader: NotaryPerson,
  targets: readonly string[],
): Promise<void> {
  expect(await reader.lists(gun)).toEqual(targets);
  const newcomer = stage.newcomer('newcomer');
  expect(await newcomer.lists(gun)).toEqual(targets);
  expect(newcomer.held(gun)).toEqual(reader.held(gun));
}

notarySuite('notary rotates keys', (stage) => {
  const ways = [
    ['targets', []],
    ['snapshot', []],
    ['snapshot', ['-r']],
    ['timestamp', ['-r']],
  ] as const;

  for (const [role, where] of ways) {
    it(`${role}, held by ${where.length === 0 ? 'the owner' : 'the server'}, and publishes with the new key`, async () => {
      const gun = `example.com/rotated-${role}${where.join('')}`;
      const owner = await stage.owner(gun, 'v1');
      const reader = stage.newcomer('reader');
      await reader.lists(gun);
      const before = reader.held(gun);
      await owner.does('key', 'rotate', gun, role, ...where);
      await bothRead(stage, gun, reader, ['v1']);
      expect(reader.held(gun)).toMatchObject({ root: before['root']! + 1 });
      await owner.does('add', gun, 'v2', owner.file('v2'), '-p');
      await bothRead(stage, gun, reader, ['v1', 'v2']);
    });
  }

  it('root, and both those who knew the old one and newcomers follow', async () => {
    const gun = 'example.com/rotated-root';
    const owner = await stage.owner(gun, 'v1');
    const reader = stage.newcomer('reader');
    await reader.lists(gun);
    await rotateRoot(owner, gun);
    await bothRead(stage, gun, reader, ['v1']);
    expect(reader.held(gun)).toMatchObject({ root: 2 });
    await owner.does('add', gun, 'v2', owner.file('v2'), '-p');
    await bothRead(stage, gun, reader, ['v1', 'v2']);
  });

  it('root not at all when one is not sure', async () => {
    const gun = 'example.com/unsure';
    const owner = await stage.owner(gun, 'v1');
    const { stdout } = await owner.notary(['key', 'rotate', gun, 'root'], { input: 'no\n' });
    expect(stdout).toContain('Aborting action.');
    expect(await owner.lists(gun)).toEqual(['v1']);
    expect(owner.held(gun)).toMatchObject({ root: 1 });
  });

  it('the snapshot key moves to the server and back, twice', async () => {
    const gun = 'example.com/to-and-fro';
    const owner = await stage.owner(gun, 'v1');
    const reader = stage.newcomer('reader');
    const targets = ['v1'];
    for (const [turn, where] of [['-r'], [], ['-r'], []].entries()) {
      await owner.does('key', 'rotate', gun, 'snapshot', ...where);
      const name = `v${turn + 2}`;
      await owner.does('add', gun, name, owner.file(name), '-p');
      targets.push(name);
      await bothRead(stage, gun, reader, targets);
    }
  });

  it('online keys twice in a row, without a publish between', async () => {
    const gun = 'example.com/online-twice';
    const owner = await stage.owner(gun, 'v1');
    const reader = stage.newcomer('reader');
    for (const role of ['snapshot', 'timestamp', 'snapshot', 'timestamp'])
      await owner.does('key', 'rotate', gun, role, '-r');
    await bothRead(stage, gun, reader, ['v1']);
  });

  it('a reader who missed four root rotations and every other one walks from root to root', async () => {
    const gun = 'example.com/stale';
    const owner = await stage.owner(gun, 'v1');
    const reader = stage.newcomer('reader');
    await reader.lists(gun);
    await rotateRoot(owner, gun);
    await owner.does('key', 'rotate', gun, 'targets');
    await rotateRoot(owner, gun);
    await owner.does('key', 'rotate', gun, 'snapshot', '-r');
    await rotateRoot(owner, gun);
    await owner.does('key', 'rotate', gun, 'timestamp', '-r');
    await rotateRoot(owner, gun);
    await owner.does('add', gun, 'v2', owner.file('v2'), '-p');
    await bothRead(stage, gun, reader, ['v1', 'v2']);
    expect(reader.held(gun)).toMatchObject({ root: 8 });
  });

  it('root with signatures of older keys too', async () => {
    const gun = 'example.com/legacy';
    const owner = await stage.owner(gun, 'v1');
    const reader = stage.newcomer('reader');
    await reader.lists(gun);
    await rotateRoot(owner, gun);
    await rotateRoot(owner, gun);
    await rotateRoot(owner, gun, '-l', '2');
    await bothRead(stage, gun, reader, ['v1']);
    expect(reader.held(gun)).toMatchObject({ root: 4 });
  });

  it('targets to a key that was made elsewhere', async () => {
    const gun = 'example.com/given-key';
    const owner = await stage.owner(gun, 'v1');
    await owner.does('key', 'rotate', gun, 'targets', '-k', makeSignerKey(owner.home, 'given').private);
    await owner.does('add', gun, 'v2', owner.file('v2'), '-p');
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['v1', 'v2']);
  });

  it('the client never gives the server the keys of root and targets, nor keeps that of timestamp', async () => {
    const gun = 'example.com/never';
    const owner = await stage.owner(gun);
    expect(await owner.fails('key', 'rotate', gun, 'targets', '-r')).toContain('does not permit the server managing');
    const root = await owner.notary(['key', 'rotate', gun, 'root', '-r'], SURE);
    expect(fatal(root)).toContain('does not permit the server managing');
    expect(await owner.fails('key', 'rotate', gun, 'timestamp')).toContain('does not permit the client managing');
  });

  it('a publisher with a key that was rotated away is refused by their own client', async () => {
    const gun = 'example.com/replaced';
    const owner = await stage.owner(gun, 'v1');
    const other = stage.newcomer('other');
    owner.copyKeysTo(other);
    await owner.does('key', 'rotate', gun, 'targets');
    await other.does('add', gun, 'v2', other.file('v2'));
    expect(await other.fails('publish', gun)).toMatch(
      /could not find necessary signing keys|signing keys not available/u,
    );
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['v1']);
  });

  it('a publisher with the targets key alone publishes once the server holds the snapshot key', async () => {
    const gun = 'example.com/targets-key-only';
    const owner = await stage.owner(gun, 'v1');
    await owner.does('key', 'rotate', gun, 'snapshot', '-r');
    const exported = owner.home.path('targets-key.pem');
    await owner.does('key', 'export', '--gun', gun, '-o', exported);
    const other = stage.newcomer('other');
    await other.does('key', 'import', exported);
    await other.does('add', gun, 'v2', other.file('v2'), '-p');
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['v1', 'v2']);
  });

  it('one root key serves several collections, each with a certificate of its own', async () => {
    const owner = await stage.owner('example.com/shared/one', 'v1');
    for (const gun of ['example.com/shared/two', 'example.com/shared/three']) {
      await owner.does('init', gun, '-p');
      expect(await stage.newcomer('reader').lists(gun)).toEqual([]);
    }
    expect(owner.rootKeys()).toHaveLength(1);
    await rotateRoot(owner, 'example.com/shared/two');
    expect(await stage.newcomer('reader').lists('example.com/shared/two')).toEqual([]);
    expect(await stage.newcomer('reader').lists('example.com/shared/one')).toEqual(['v1']);
  });
});
