import { expect, it } from 'vitest';
import { DISJOINT_PUBLISHERS_WIN, LOSER_IS_TOLD, NO_SNAPSHOT_KEY } from './differences.js';
import { fatal, type NotaryPerson } from './notary-cli.js';
import { startGate } from './proxy.js';
import { makeSignerCertificate, makeSignerKey } from './signer-keys.js';
import { notarySuite } from './stage.js';

notarySuite('notary delegates', (stage) => {
  /** The owner of a collection whose snapshot key the server holds, as everybody's must be who has collaborators. */
  async function owner(gun: string, ...targets: readonly string[]): Promise<NotaryPerson> {
    const person = await stage.owner(gun, ...targets);
    await person.does('key', 'rotate', gun, 'snapshot', '-r');
    return person;
  }

  /** Somebody with one delegation key and nothing else; `publicKey` is to be delegated to. */
  async function collaborator(
    name: string,
    kind: 'key' | 'ecdsa' | 'rsa' = 'key',
  ): Promise<{ readonly person: NotaryPerson; readonly publicKey: string; add: AddTarget }> {
    const person = stage.newcomer(name);
    const key =
      kind === 'key' ? makeSignerKey(person.home, name) : await makeSignerCertificate(person.home, name, kind);
    await person.does('key', 'import', key.private, '-r', 'user');
    return {
      person,
      publicKey: key.public,
      add: (gun, role, target) => ['add', gun, target, person.file(target), '-r', role, '-p'],
    };
  }
  type AddTarget = (gun: string, role: string, target: string) => readonly string[];

  it('somebody with one delegation key and nothing else publishes, with a key or a certificate of any kind', async () => {
    const gun = 'example.com/collaborators';
    const boss = await owner(gun, 'v1');
    const everybody = [
      await collaborator('alice'),
      await collaborator('bob', 'ecdsa'),
      await collaborator('carol', 'rsa'),
    ];
    for (const { person, publicKey } of everybody)
      await boss.does('delegation', 'add', gun, `targets/${person.home.who}`, publicKey, '--all-paths');
    await boss.does('publish', gun);
    expect((await boss.delegations(gun)).map(([role, paths]) => [role, paths])).toEqual(
      ['alice', 'bob', 'carol'].map((name) => [`targets/${name}`, '"" <all paths>']),
    );
    for (const { person, add } of everybody) {
      const name = person.home.who;
      await person.does(...add(gun, `targets/${name}`, `by-${name}`));
      expect(await stage.newcomer('reader').lists(gun, '-r', `targets/${name}`)).toContain(`by-${name}`);
    }
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['by-alice', 'by-bob', 'by-carol', 'v1']);
  });

  it('a role without a key signs nothing, and nobody signs outside the paths of their role', async () => {
    const gun = 'example.com/paths';
    const boss = await owner(gun);
    const { person, publicKey, add } = await collaborator('alice');
    await boss.does('delegation', 'add', gun, 'targets/alice', publicKey, '--paths', 'alice/,shared/', '-p');
    await person.does(...add(gun, 'targets/alice', 'alice/one'));
    expect(await person.fails(...add(gun, 'targets/alice', 'bob/one'))).toBe('Could not add all targets');
    await person.does('reset', gun, '--all');
    const { person: stranger, add: strangers } = await collaborator('stranger');
    expect(await stranger.fails(...strangers(gun, 'targets/alice', 'alice/two'))).toContain('necessary signing keys');
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['alice/one']);
    await boss.does('delegation', 'add', gun, 'targets/alice', '--paths', 'bob/', '-p');
    await boss.does('delegation', 'remove', gun, 'targets/alice', '--paths', 'shared/', '-p');
    await person.does(...add(gun, 'targets/alice', 'bob/one'));
    expect(await boss.does('delegation', 'list', gun)).toMatch(/^targets\/alice +alice\/ .*\n +bob\/ *$/mu);
    await boss.does('delegation', 'add', gun, 'targets/alice', '--all-paths', '-p');
    await person.does(...add(gun, 'targets/alice', 'elsewhere'));
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['alice/one', 'bob/one', 'elsewhere']);
  });

  it('the first role of two that list a name is asked', async () => {
    const gun = 'example.com/priority';
    const boss = await owner(gun, 'v1');
    const { person, publicKey, add } = await collaborator('alice');
    await boss.does('delegation', 'add', gun, 'targets/releases', publicKey, '--all-paths', '-p');
    await person.does('add', gun, 'v1', person.file('other'), '-r', 'targets/releases', '-p');
    await person.does(...add(gun, 'targets/releases', 'v2'));
    const reader = stage.newcomer('reader');
    await reader.does('verify', gun, 'v1', '-i', boss.file('v1'), '-q');
    expect(await reader.does('list', gun)).toMatch(/^v1 .* targets$/mu);
    expect(await reader.does('list', gun)).toMatch(/^v2 .* targets\/releases$/mu);
    expect(await reader.does('list', gun, '-r', 'targets/releases')).toMatch(/^v1 .* targets\/releases$/mu);
  });

  it('a collaborator delegates further', async () => {
    const gun = 'example.com/nested';
    const boss = await owner(gun, 'v1');
    const alice = await collaborator('alice');
    const bob = await collaborator('bob', 'ecdsa');
    await boss.does('delegation', 'add', gun, 'targets/alice', alice.publicKey, '--paths', 'a/', '-p');
    const nested = ['delegation', 'add', gun, 'targets/alice/bob', bob.publicKey, '--paths', 'a/b/', '-p'];
    await alice.person.does(...nested);
    await bob.person.does(...bob.add(gun, 'targets/alice/bob', 'a/b/one'));
    const reader = stage.newcomer('reader');
    expect(await reader.lists(gun)).toEqual(['a/b/one', 'v1']);
    expect(Object.keys(reader.held(gun))).toContain('targets/alice/bob');
    await boss.does('delegation', 'remove', gun, 'targets/alice', '-y', '-p');
    expect(await reader.lists(gun)).toEqual(['v1']);
  });

  it('a role is removed and added again: its files are there again, and it can go on', async () => {
    const gun = 'example.com/removed-role';
    const boss = await owner(gun, 'v1');
    const { person, publicKey, add } = await collaborator('alice');
    const delegate = ['delegation', 'add', gun, 'targets/alice', publicKey, '--all-paths', '-p'];
    await boss.does(...delegate);
    await person.does(...add(gun, 'targets/alice', 'by-alice'));
    const reader = stage.newcomer('reader');
    expect(await reader.lists(gun)).toEqual(['by-alice', 'v1']);
    await boss.does('delegation', 'remove', gun, 'targets/alice', '-y', '-p');
    expect(await reader.lists(gun)).toEqual(['v1']);
    expect(await reader.does('delegation', 'list', gun)).toContain('No delegations present in this repository.');
    expect(await person.fails(...add(gun, 'targets/alice', 'too-late'))).not.toBe('');
    await person.does('reset', gun, '--all');
    await boss.does(...delegate);
    expect(await reader.lists(gun)).toEqual(['by-alice', 'v1']);
    await person.does(...add(gun, 'targets/alice', 'again'));
    expect(await reader.lists(gun)).toEqual(['again', 'by-alice', 'v1']);
  });

  it('a key is taken out of every role; what it alone signed is no longer listed', async () => {
    const gun = 'example.com/purged';
    const boss = await owner(gun, 'v1');
    const alice = await collaborator('alice');
    const bob = await collaborator('bob', 'rsa');
    await boss.does('delegation', 'add', gun, 'targets/both', alice.publicKey, bob.publicKey, '--all-paths', '-p');
    await boss.does('delegation', 'add', gun, 'targets/alice', alice.publicKey, '--all-paths', '-p');
    await alice.person.does(...alice.add(gun, 'targets/alice', 'by-alice'));
    await bob.person.does(...bob.add(gun, 'targets/both', 'by-bob'));
    const reader = stage.newcomer('reader');
    expect(await reader.lists(gun)).toEqual(['by-alice', 'by-bob', 'v1']);
    const [, , key] = (await boss.delegations(gun)).find(([role]) => role === 'targets/alice')!;
    await boss.does('delegation', 'purge', gun, '--key', key!, '-p');
    expect(await reader.lists(gun)).toEqual(['by-bob', 'v1']);
    expect(await alice.person.fails(...alice.add(gun, 'targets/both', 'too-late'))).toContain('signing keys');
    await bob.person.does(...bob.add(gun, 'targets/both', 'still'));
    expect(await reader.lists(gun)).toEqual(['by-bob', 'still', 'v1']);
  });

  it('one of a role’s two keys is removed, and the other goes on', async () => {
    const gun = 'example.com/two-keys';
    const boss = await owner(gun);
    const [alice, bob] = [await collaborator('alice'), await collaborator('bob')];
    await boss.does('delegation', 'add', gun, 'targets/both', alice.publicKey, '--all-paths', '-p');
    const [[, , key]] = (await boss.delegations(gun)) as [string[]];
    await boss.does('delegation', 'add', gun, 'targets/both', bob.publicKey, '-p');
    await alice.person.does(...alice.add(gun, 'targets/both', 'by-alice'));
    await bob.person.does(...bob.add(gun, 'targets/both', 'by-bob'));
    const reader = stage.newcomer('reader');
    expect(await reader.lists(gun)).toEqual(['by-alice', 'by-bob']);
    await boss.does('delegation', 'remove', gun, 'targets/both', key!, '-p');
    await bob.person.does(...bob.add(gun, 'targets/both', 'after'));
    expect(await reader.lists(gun)).toEqual(['after', 'by-alice', 'by-bob']);
    expect(await alice.person.fails(...alice.add(gun, 'targets/both', 'too-late'))).toContain('signing keys');
  });

  it('a delegated role is witnessed by whoever has its key', async () => {
    const gun = 'example.com/witnessed';
    const boss = await owner(gun);
    const { person, publicKey, add } = await collaborator('alice');
    await boss.does('delegation', 'add', gun, 'targets/alice', publicKey, '--all-paths', '-p');
    await person.does(...add(gun, 'targets/alice', 'by-alice'));
    const reader = stage.newcomer('reader');
    await reader.lists(gun);
    const before = reader.held(gun);
    await person.does('witness', gun, 'targets/alice', '-p');
    expect(await reader.lists(gun)).toEqual(['by-alice']);
    expect(reader.held(gun)).toMatchObject({ 'targets/alice': before['targets/alice']! + 1 });
  });

  it('a collaborator removes what they added', async () => {
    const gun = 'example.com/taken-back';
    const boss = await owner(gun, 'v1');
    const { person, publicKey, add } = await collaborator('alice');
    await boss.does('delegation', 'add', gun, 'targets/alice', publicKey, '--all-paths', '-p');
    await person.does(...add(gun, 'targets/alice', 'by-alice'));
    await person.does('remove', gun, 'by-alice', '-r', 'targets/alice', '-p');
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['v1']);
  });

  it('where the owner keeps the snapshot key a collaborator is refused, until the server gets it', async () => {
    const gun = 'example.com/owner-signs';
    const boss = await stage.owner(gun, 'v1');
    const { person, publicKey, add } = await collaborator('alice');
    await boss.does('delegation', 'add', gun, 'targets/alice', publicKey, '--all-paths', '-p');
    expect(await person.fails(...add(gun, 'targets/alice', 'by-alice'))).toMatch(NO_SNAPSHOT_KEY[stage.server.kind]);
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['v1']);
    await boss.does('key', 'rotate', gun, 'snapshot', '-r');
    await person.does('publish', gun);
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['by-alice', 'v1']);
  });

  it('collaborators of roles of their own who publish at the same moment lose nothing', async () => {
    const gun = 'example.com/disjoint';
    const boss = await owner(gun);
    const both = [await collaborator('alice'), await collaborator('bob')];
    for (const { person, publicKey } of both)
      await boss.does('delegation', 'add', gun, `targets/${person.home.who}`, publicKey, '--all-paths', '-p');
    for (const { person, add } of both)
      await person.does(...add(gun, `targets/${person.home.who}`, person.home.who).slice(0, -1));
    const gate = await startGate(stage.server.plainUrl, both.length);
    const outcomes = await Promise.all(both.map(async ({ person }) => person.notary(['publish', gun], gate)));
    await gate.stop();
    const won = outcomes.map(({ code }) => code === 0);
    expect(won.filter(Boolean)).toHaveLength(DISJOINT_PUBLISHERS_WIN[stage.server.kind]);
    for (const loser of outcomes.filter(({ code }) => code !== 0))
      expect(fatal(loser)).toMatch(LOSER_IS_TOLD[stage.server.kind]);
    for (const [index, { person }] of both.entries()) if (won[index] === false) await person.does('publish', gun);
    expect(await stage.newcomer('reader').lists(gun)).toEqual(['alice', 'bob']);
  });
});
