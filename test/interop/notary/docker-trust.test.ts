import { readFileSync, rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { RELEASES_WITHOUT_LAST_SIGNER } from './differences.js';
import { dockerSuite, engineSuite, NOWHERE } from './docker-stage.js';
import { makeSignerKey } from './signer-keys.js';

const NO_TRUST_DATA = /no signatures or cannot access/iu;

dockerSuite('docker trust, without an engine', (stage) => {
  it('a key is generated and loaded', async () => {
    const alice = stage.newcomer('alice');
    await alice.does('trust', 'key', 'generate', 'alice');
    expect(readFileSync(alice.home.path('alice.pub'), 'utf8')).toMatch(/^-----BEGIN PUBLIC KEY-----\nrole: alice\n/u);
    const bob = stage.newcomer('bob');
    const key = makeSignerKey(bob.home, 'bob');
    expect(await bob.does('trust', 'key', 'load', '--name', 'bob', key.private)).toContain('Successfully imported key');
  });

  it('the first signer makes the repository, the second one joins it', async () => {
    const image = `${NOWHERE}/team/app`;
    const alice = stage.newcomer('alice');
    expect((await alice.docker(['trust', 'inspect', image])).stderr).toMatch(NO_TRUST_DATA);
    await alice.does('trust', 'key', 'generate', 'alice');
    const added = await alice.does('trust', 'signer', 'add', '--key', 'alice.pub', 'alice', image);
    expect(added).toContain(`Successfully initialized "${image}"`);
    const other = makeSignerKey(alice.home, 'other');
    await alice.does('trust', 'signer', 'add', '--key', other.public, 'other', image);
    const reader = stage.newcomer('reader');
    expect(await reader.signers(image)).toEqual(['alice', 'other']);
    expect(await reader.signedTags(image)).toEqual([]);
    expect(await reader.does('trust', 'inspect', '--pretty', image)).toMatch(
      /^alice +[\da-f]{12}\nother +[\da-f]{12}$/mu,
    );
  });

  it('one key signs for several repositories, in one command', async () => {
    const images = [`${NOWHERE}/one`, `${NOWHERE}/two`];
    const alice = stage.newcomer('alice');
    await alice.does('trust', 'key', 'generate', 'alice');
    await alice.does('trust', 'signer', 'add', '--key', 'alice.pub', 'alice', ...images);
    for (const image of images) expect(await stage.newcomer('reader').signers(image)).toEqual(['alice']);
  });

  it('somebody without the repository’s keys adds no signer', async () => {
    const image = `${NOWHERE}/guarded`;
    const alice = stage.newcomer('alice');
    await alice.does('trust', 'key', 'generate', 'alice');
    await alice.does('trust', 'signer', 'add', '--key', 'alice.pub', 'alice', image);
    const mallory = stage.newcomer('mallory');
    const key = makeSignerKey(mallory.home, 'mallory');
    expect(await mallory.refuses('trust', 'signer', 'add', '--key', key.public, 'mallory', image)).toMatch(
      /failed to add signer to/iu,
    );
    expect(await stage.newcomer('reader').signers(image)).toEqual(['alice']);
  });

  it('a trust server whose certificate nobody vouches for is refused', async () => {
    const alice = stage.newcomer('alice');
    rmSync(alice.home.path('.docker', 'tls'), { recursive: true });
    await alice.does('trust', 'key', 'generate', 'alice');
    const add = ['trust', 'signer', 'add', '--key', 'alice.pub', 'alice', `${NOWHERE}/unvouched`];
    expect(await alice.refuses(...add)).toContain('certificate signed by unknown authority');
  });

  it('nothing is revoked, and nothing pulled, where nothing was signed', async () => {
    const image = `${NOWHERE}/unsigned`;
    const alice = stage.newcomer('alice');
    expect(await alice.refuses('trust', 'revoke', '-y', `${image}:1`)).toContain('could not remove signature');
    expect(await alice.refuses('pull', `${image}:1`)).toContain('remote trust data does not exist');
  });
});

engineSuite('docker trust, with an engine', (stage) => {
  it('a tag is signed by one, then by another, and inspected', async () => {
    const image = `${stage.registry}/signed`;
    const alice = stage.newcomer('alice');
    const bob = stage.newcomer('bob');
    await stage.image(alice, `${image}:1`, 'one');
    expect(await alice.does('trust', 'sign', `${image}:1`)).toContain(`Successfully signed ${image}:1`);
    await bob.does('trust', 'key', 'generate', 'bob');
    await alice.does('trust', 'signer', 'add', '--key', bob.home.path('bob.pub'), 'bob', image);
    const bobs = await bob.does('trust', 'sign', `${image}:1`);
    expect(bobs).toMatch(/Existing signatures for tag 1 digest [\da-f]{64} from:\nalice\n/u);
    const reader = stage.newcomer('reader');
    const [tag] = await reader.signedTags(image);
    expect(tag).toMatchObject({ tag: '1', signers: ['alice', 'bob'] });
    expect(await reader.does('trust', 'inspect', '--pretty', `${image}:1`)).toContain(
      tag!.digest.slice('sha256:'.length),
    );
  });

  it('a signer with a loaded key signs on the next tag, and takes only their own back', async () => {
    const image = `${stage.registry}/loaded`;
    const alice = stage.newcomer('alice');
    const bob = stage.newcomer('bob');
    const key = makeSignerKey(bob.home, 'bob');
    await bob.does('trust', 'key', 'load', '--name', 'bob', key.private);
    await stage.image(alice, `${image}:1`, 'one');
    await alice.does('trust', 'sign', `${image}:1`);
    await alice.does('trust', 'signer', 'add', '--key', key.public, 'bob', image);
    await stage.image(bob, `${image}:2`, 'two');
    await bob.does('trust', 'sign', `${image}:2`);
    const reader = stage.newcomer('reader');
    const signers = async (): Promise<readonly string[]> =>
      (await reader.signedTags(image)).map((signed) => `${signed.tag} by ${signed.signers.join(' and ')}`);
    expect(await signers()).toEqual(['1 by alice', '2 by bob']);
    await bob.does('trust', 'revoke', '-y', `${image}:2`);
    expect(await signers()).toEqual(['1 by alice']);
    expect(await bob.refuses('trust', 'revoke', '-y', `${image}:2`)).toContain('No valid trust data for 2');
  });

  it('a stranger’s signature is refused', async () => {
    const image = `${stage.registry}/strangers`;
    const alice = stage.newcomer('alice');
    await stage.image(alice, `${image}:1`, 'one');
    await alice.does('trust', 'sign', `${image}:1`);
    const mallory = stage.newcomer('mallory');
    expect(await mallory.refuses('trust', 'sign', `${image}:1`)).toContain(
      'no valid signing keys for delegation roles',
    );
    expect(await mallory.refuses('trust', 'revoke', '-y', `${image}:1`)).toContain('no valid signing keys');
    expect(await stage.newcomer('reader').signedTags(image)).toMatchObject([{ tag: '1', signers: ['alice'] }]);
  });

  it('without the signer who released last nothing is pullable, until somebody who remains has released again', async () => {
    const image = `${stage.registry}/left`;
    const alice = stage.newcomer('alice');
    const bob = stage.newcomer('bob');
    await bob.does('trust', 'key', 'generate', 'bob');
    const addBob = ['trust', 'signer', 'add', '--key', bob.home.path('bob.pub'), 'bob', image] as const;
    const removeBob = ['trust', 'signer', 'remove', 'bob', image] as const;
    await stage.image(alice, `${image}:1`, 'one');
    await alice.does('trust', 'sign', `${image}:1`);
    await alice.does(...addBob);
    await stage.image(bob, `${image}:2`, 'two');
    await bob.does('trust', 'sign', `${image}:2`);
    const removed = await alice.docker(removeBob, { input: 'y\n' });
    expect(removed.stdout).toContain(`Removing this signer will make ${image} unpullable.`);
    const reader = stage.newcomer('reader');
    expect(await reader.signers(image)).toEqual(['alice']);
    expect(await reader.signedTags(image)).toEqual([]);
    expect(await reader.refuses('pull', `${image}:1`)).toContain('No trust data for 1');
    expect(await bob.refuses('trust', 'sign', `${image}:2`)).toContain('no valid signing keys');

    const again = await alice.docker(['trust', 'sign', `${image}:1`]);
    expect(again.code === 0).toBe(RELEASES_WITHOUT_LAST_SIGNER[stage.server.kind]);
    if (again.code !== 0) {
      expect(again.stderr).toContain('trust server rejected operation.');
      await alice.does(...addBob);
      await alice.does('trust', 'sign', '--local', `${image}:1`);
    }
    expect((await reader.signedTags(image)).map(({ tag }) => tag)).toContain('1');
    await reader.trusts('pull', `${image}:1`);
  });

  it('what others released stays pullable without a signer who did not release last', async () => {
    const image = `${stage.registry}/stays`;
    const alice = stage.newcomer('alice');
    const key = makeSignerKey(alice.home, 'bob');
    await stage.image(alice, `${image}:1`, 'one');
    await alice.does('trust', 'sign', `${image}:1`);
    await alice.does('trust', 'signer', 'add', '--key', key.public, 'bob', image);
    // Some versions of the client say nothing and do nothing here.
    await alice.does('trust', 'signer', 'remove', '--force', 'bob', image);
    const reader = stage.newcomer('reader');
    expect(await reader.signedTags(image)).toMatchObject([{ tag: '1' }]);
    await reader.trusts('pull', `${image}:1`);
  });
});
