import { createHash, generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Person } from '../../cli/terminal.js';
import { dockerSuite, NOWHERE } from './docker-stage.js';
import { makeSignerKey } from './signer-keys.js';
import { notarySuite } from './stage.js';

const THEIRS = 'a passphrase';

interface Begun {
  readonly keys: { readonly root: string; readonly targets: string };
}

notarySuite('our command begins a collection of Notary’s', (stage) => {
  let ours: Person;
  beforeEach(async () => {
    ours = await Person.arrive({ server: stage.server.plainUrl });
    ours.env['COUNTERSIGN_PASSPHRASE'] = THEIRS; // what notary is told to open what we export
  });
  afterEach(() => ours.leave());

  const digest = (text: string): string[] => [
    '--sha256',
    createHash('sha256').update(text).digest('hex'),
    '--length',
    String(Buffer.byteLength(text)),
  ];

  async function begin(gun: string, ...options: string[]): Promise<Begun> {
    const begun = await ours.json<Begun>('init', gun, '--format', 'notary', ...options);
    await ours.ok('add', gun, 'v1', ...digest('one'));
    await ours.ok('publish', gun);
    return begun;
  }

  it('which notary lists, and goes on with once it has the keys', async () => {
    const gun = 'example.com/begun-by-ours/listed';
    const { keys } = await begin(gun);
    const reader = stage.newcomer('reader');
    expect(await reader.lists(gun)).toEqual(['v1']);
    const owner = stage.newcomer('owner');
    for (const id of Object.values(keys)) {
      const path = owner.home.path(`${id}.pem`);
      await ours.ok('key', 'export', id, '--format', 'notary', '-o', path);
      await owner.does('key', 'import', path);
    }
    await owner.does('add', gun, 'v2', owner.file('v2'), '-p');
    await owner.does('key', 'rotate', gun, 'targets');
    const rotated = await owner.notary(['key', 'rotate', gun, 'root'], { input: 'yes\n' });
    expect(rotated.stdout).toContain('Successfully rotated root key');
    expect(await reader.lists(gun)).toEqual(['v1', 'v2']);
    expect(await ours.json('list', gun)).toHaveLength(2);
  });

  it.each(['root', 'targets', 'timestamp', 'snapshot', 'snapshot --mine'])(
    'whose %s it rotates, and everybody follows',
    async (what) => {
      const gun = `example.com/begun-by-ours/rotated-${what.replace(/\W+/u, '-')}`;
      await begin(gun);
      const reader = stage.newcomer('reader');
      await reader.lists(gun);
      await ours.ok('rotate', gun, ...what.split(' '));
      await ours.ok('add', gun, 'v2', ...digest('two'));
      await ours.ok('publish', gun);
      for (const each of [reader, stage.newcomer('newcomer')]) expect(await each.lists(gun)).toEqual(['v1', 'v2']);
      expect(reader.held(gun)).toMatchObject({ root: 2 });
    },
  );

  it('whose root it rotates again and again, also to a new certificate of the same key; who was away follows', async () => {
    const gun = 'example.com/begun-by-ours/rotated-often';
    await begin(gun);
    const reader = stage.newcomer('reader');
    await reader.lists(gun);
    const { key } = await ours.json<{ key: string }>('rotate', gun, 'root');
    await ours.ok('rotate', gun, 'root', '--key', key);
    await ours.ok('rotate', gun, 'root');
    for (const each of [reader, stage.newcomer('newcomer')]) expect(await each.lists(gun)).toEqual(['v1']);
    expect(reader.held(gun)).toMatchObject({ root: 4 });
    expect(await ours.json('list', gun)).toHaveLength(1);
  });

  it('under a root key that another collection has, and an RSA key', async () => {
    const { keys } = await begin('example.com/begun-by-ours/first');
    await begin('example.com/begun-by-ours/second', '--key', keys.root);
    const rsa = ours.path('rsa.pem');
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await writeFile(rsa, privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const { id } = await ours.json<{ id: string }>('key', 'import', rsa);
    await begin('example.com/begun-by-ours/third', '--key', id);
    for (const name of ['first', 'second', 'third'])
      expect(await stage.newcomer('reader').lists(`example.com/begun-by-ours/${name}`)).toEqual(['v1']);
  });
});

dockerSuite('our command begins a collection for docker', (stage) => {
  it('which docker trust inspects and adds signers to', async () => {
    const image = `${NOWHERE}/begun-by-ours`;
    const ours = await Person.arrive({ server: stage.server.plainUrl });
    ours.env['COUNTERSIGN_PASSPHRASE'] = THEIRS;
    const { keys } = await ours.json<Begun>('init', image, '--format', 'notary');
    await ours.ok('publish', image);
    const alice = stage.newcomer('alice');
    expect(await alice.does('trust', 'inspect', '--pretty', image)).toContain(`No signatures for ${image}`);
    const key = makeSignerKey(alice.home, 'alice');
    await ours.ok('signer', 'add', image, 'alice', '--key', key.public);
    await ours.ok('key', 'import', key.private);
    const sha256 = createHash('sha256').update('a manifest').digest('hex');
    for (const role of ['targets/alice', 'targets/releases'])
      await ours.ok('add', image, 'v1', '--role', role, '--sha256', sha256, '--length', '10');
    await ours.ok('publish', image);
    const reader = stage.newcomer('reader');
    expect(await reader.signedTags(image)).toEqual([{ tag: 'v1', digest: `sha256:${sha256}`, signers: ['alice'] }]);
    for (const id of Object.values(keys)) {
      const pem = await ours.ok('key', 'export', id, '--format', 'notary');
      const [, notaryId = ''] = /^path: (\S+)$/mu.exec(pem) ?? [];
      alice.home.write(`.docker/trust/private/${notaryId}.key`, pem);
    }
    const bob = makeSignerKey(alice.home, 'bob');
    await alice.does('trust', 'signer', 'add', '--key', bob.public, 'bob', image);
    expect(await reader.signers(image)).toEqual(['alice', 'bob']);
    await ours.leave();
  });
});
