import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Person } from '../../cli/terminal.js';
import type { NotaryPerson } from './notary-cli.js';
import { makeSignerKey } from './signer-keys.js';
import { notarySuite } from './stage.js';

const THEIRS = 'a passphrase';
const ENVIRONMENT = {
  env: {
    NOTARY_ROOT_PASSPHRASE: THEIRS,
    NOTARY_TARGETS_PASSPHRASE: THEIRS,
    NOTARY_SNAPSHOT_PASSPHRASE: THEIRS,
    NOTARY_DELEGATION_PASSPHRASE: THEIRS,
  },
};

notarySuite('our command publishes with keys of notary', (stage) => {
  let ours: Person;
  beforeEach(async () => {
    ours = await Person.arrive({ server: stage.server.plainUrl });
  });
  afterEach(() => ours.leave());

  const digest = (text: string): string[] => [
    '--sha256',
    createHash('sha256').update(text).digest('hex'),
    '--length',
    String(Buffer.byteLength(text)),
  ];

  async function takeOver(owner: NotaryPerson): Promise<void> {
    expect(await ours.runWith(ENVIRONMENT, 'key', 'import', owner.home.path('trust'))).toMatchObject({ code: 0 });
  }

  it.each(['the publisher', 'the server'])('where %s holds the snapshot key', async (who) => {
    const gun = `example.com/published-by-ours/${who.replace(' ', '-')}`;
    const owner = await stage.owner(gun, 'v1');
    if (who === 'the server') await owner.does('key', 'rotate', gun, 'snapshot', '-r');
    await takeOver(owner);
    await ours.ok('add', gun, 'v2', ...digest('two'), '--trust-on-first-use');
    await ours.ok('remove', gun, 'v1');
    const told = await ours.json<{ kind: string; versions: object }>('publish', gun);
    expect(told.kind).toBe('published');
    expect(Object.keys(told.versions).includes('snapshot')).toBe(who === 'the publisher');
    expect(await owner.lists(gun)).toEqual(['v2']);
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['v2']);
    await owner.does('add', gun, 'v3', owner.file('v3'), '-p');
    await ours.ok('add', gun, 'v4', ...digest('four'));
    await ours.ok('publish', gun);
    expect(await owner.lists(gun)).toEqual(['v2', 'v3', 'v4']);
  });

  it('into a delegated role', async () => {
    const gun = 'example.com/published-by-ours/delegated';
    const owner = await stage.owner(gun, 'v1');
    await owner.does('key', 'rotate', gun, 'snapshot', '-r');
    const key = makeSignerKey(owner.home, 'alice');
    await owner.does('delegation', 'add', gun, 'targets/alice', key.public, '--all-paths', '-p');
    await owner.does('key', 'import', key.private, '--role', 'user');
    await owner.does('add', gun, 'a1', owner.file('a1'), '--roles', 'targets/alice', '-p');
    await takeOver(owner);
    await ours.ok('add', gun, 'a2', ...digest('two'), '--role', 'targets/alice', '--trust-on-first-use');
    await ours.ok('publish', gun);
    expect([...(await owner.lists(gun))].sort()).toEqual(['a1', 'a2', 'v1']);
  });

  it('into a delegated role that has no version yet, of what everybody else holds', async () => {
    const gun = 'example.com/published-by-ours/first-of-role';
    const owner = await stage.owner(gun, 'v1');
    await owner.does('key', 'rotate', gun, 'snapshot', '-r');
    const key = makeSignerKey(owner.home, 'bob');
    await owner.does('delegation', 'add', gun, 'targets/bob', key.public, '--all-paths', '-p');
    await ours.ok('key', 'import', key.private);
    await ours.ok('add', gun, 'b1', ...digest('one'), '--role', 'targets/bob', '--trust-on-first-use');
    expect(await ours.json('publish', gun)).toMatchObject({ versions: { 'targets/bob': 1 } });
    expect([...(await owner.lists(gun))].sort()).toEqual(['b1', 'v1']);
  });

  it('signers, who sign then, and no more once they are taken out', async () => {
    const gun = 'example.com/published-by-ours/signers';
    const owner = await stage.owner(gun, 'v1');
    await owner.does('key', 'rotate', gun, 'snapshot', '-r');
    await takeOver(owner);
    const key = makeSignerKey(owner.home, 'carol');
    const told = await ours.json<object>('signer', 'add', gun, 'carol', '--key', key.public, '--trust-on-first-use');
    expect(told).toMatchObject({ kind: 'published', versions: { targets: 3 } });
    expect((await owner.delegations(gun)).map(([role]) => role).sort()).toEqual(['targets/carol', 'targets/releases']);
    await ours.ok('key', 'import', key.private);
    for (const role of ['targets/carol', 'targets/releases'])
      await ours.ok('add', gun, 'c1', ...digest('one'), '--role', role);
    await ours.ok('publish', gun);
    expect(await owner.lists(gun)).toEqual(['c1', 'v1']);
    expect(await ours.json('signer', 'list', gun)).toMatchObject([{ signer: 'carol' }]);
    expect((await ours.run('signer', 'remove', gun, 'caro')).code).toBe(3);
    expect((await ours.run('signer', 'add', gun, 'releases', '--key', key.public)).code).toBe(2);
    expect((await ours.run('signer', 'add', gun, 'dave', '--key', key.private)).code).toBe(4);
    await ours.ok('signer', 'remove', gun, 'carol');
    expect(await ours.json('signer', 'list', gun)).toEqual([]);
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['v1']);
  });

  it('not over what somebody else made of the same target', async () => {
    const gun = 'example.com/published-by-ours/contradicted';
    const owner = await stage.owner(gun, 'v1');
    await takeOver(owner);
    await ours.ok('add', gun, 'v1', ...digest('mine'), '--trust-on-first-use');
    await owner.does('remove', gun, 'v1');
    await owner.does('add', gun, 'v1', owner.file('other', 'theirs'), '-p');
    const ran = await ours.run('publish', gun);
    expect(ran).toMatchObject({ code: 6 });
    expect(ran.err).toContain('somebody else has changed v1');
  });
});
