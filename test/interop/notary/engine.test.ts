import { expect, it } from 'vitest';
import type { DockerPerson } from './docker-cli.js';
import { engineSuite, type EngineStage } from './docker-stage.js';

/** The id of the image that the engine has under a name, or undefined. */
async function idOf(person: DockerPerson, name: string): Promise<string | undefined> {
  const { code, stdout } = await person.docker(['image', 'inspect', '--format', '{{.Id}}', name]);
  return code === 0 ? stdout.trim() : undefined;
}

/** An image that its publisher has signed and pushed, and that the engine has forgotten since. */
async function published(stage: EngineStage, publisher: DockerPerson, name: string, content: string): Promise<string> {
  const id = await stage.image(publisher, name, content);
  expect(await publisher.trusts('push', name)).toContain(`Successfully signed ${name}`);
  await publisher.does('rmi', '--force', name);
  return id;
}

/** Puts another image under a tag of the registry, as anybody can who may push there. */
async function overwrite(stage: EngineStage, name: string): Promise<string> {
  const attacker = stage.newcomer('attacker');
  const id = await stage.image(attacker, name, 'the attacker’s');
  await attacker.does('push', name);
  await attacker.does('rmi', '--force', name);
  return id;
}

engineSuite('docker with content trust', (stage) => {
  it('pushes, and pulls what was signed by its digest', async () => {
    const name = `${stage.registry}/pushed:1`;
    const alice = stage.newcomer('alice');
    const id = await published(stage, alice, name, 'one');
    const [signed] = await stage.newcomer('reader').signedTags(`${stage.registry}/pushed`);
    const bob = stage.newcomer('bob');
    expect(await bob.trusts('pull', name)).toContain(`Pull (1 of 1): ${name}@${signed!.digest}`);
    expect(await idOf(bob, name)).toBe(id);
  });

  it('still pulls the signed image after an attacker has overwritten its tag in the registry', async () => {
    const name = `${stage.registry}/attacked:1`;
    const id = await published(stage, stage.newcomer('alice'), name, 'the publisher’s');
    const evil = await overwrite(stage, name);
    const bob = stage.newcomer('bob');
    await bob.does('pull', name);
    expect(await idOf(bob, name)).toBe(evil); // without content trust the attack works
    await bob.does('rmi', '--force', name);
    await bob.trusts('pull', name);
    expect(await idOf(bob, name)).toBe(id);
  });

  it('builds and creates from the signed image after the attack too', async () => {
    const name = `${stage.registry}/base:1`;
    const id = await published(stage, stage.newcomer('alice'), name, 'the publisher’s');
    await overwrite(stage, name);
    const bob = stage.newcomer('bob');
    bob.home.write('context/Dockerfile', `FROM ${name}\nLABEL built=yes\nCMD ["/content.txt"]\n`);
    const output = await bob.trusts('build', '--tag', 'built', bob.home.path('context'));
    expect(output).toMatch(/FROM \S+\/base@sha256:[\da-f]{64}/u);
    expect(await idOf(bob, name)).toBe(id);
    await bob.does('rmi', '--force', name, 'built');
    await bob.trusts('create', '--name', 'created', name, '/content.txt');
    const parent = await bob.does('container', 'inspect', '--format', '{{.Image}}', 'created');
    expect(parent.trim()).toBe(id);
    await bob.does('rm', 'created');
  });

  it('a tag is signed anew, and pulled as it is now', async () => {
    const name = `${stage.registry}/renewed:1`;
    const alice = stage.newcomer('alice');
    const bob = stage.newcomer('bob');
    const first = await published(stage, alice, name, 'one');
    await bob.trusts('pull', name);
    expect(await idOf(bob, name)).toBe(first);
    await bob.does('rmi', '--force', name);
    const second = await published(stage, alice, name, 'two');
    await bob.trusts('pull', name);
    expect(await idOf(bob, name)).toBe(second);
  });

  it('all signed tags of a repository are pulled at once, the others not', async () => {
    const repository = `${stage.registry}/many`;
    const alice = stage.newcomer('alice');
    await published(stage, alice, `${repository}:1`, 'one');
    await published(stage, alice, `${repository}:2`, 'two');
    await overwrite(stage, `${repository}:3`);
    const bob = stage.newcomer('bob');
    const output = await bob.trusts('pull', '--all-tags', repository);
    expect(output).toMatch(/Pull \(2 of 2\): /u);
    expect(await idOf(bob, `${repository}:3`)).toBeUndefined();
  });

  it('refuses a tag that nobody signed, in a signed repository and in one without trust data', async () => {
    const repository = `${stage.registry}/partly`;
    await published(stage, stage.newcomer('alice'), `${repository}:signed`, 'one');
    await overwrite(stage, `${repository}:unsigned`);
    await overwrite(stage, `${stage.registry}/unknown:1`);
    const bob = stage.newcomer('bob');
    expect(await bob.refuses('pull', `${repository}:unsigned`)).toContain('No valid trust data for unsigned');
    expect(await bob.refuses('pull', `${stage.registry}/unknown:1`)).toContain('remote trust data does not exist');
    bob.home.write('context/Dockerfile', `FROM ${repository}:unsigned\n`);
    expect(await bob.refuses('build', bob.home.path('context'))).toContain('No valid trust data for unsigned');
    expect(await idOf(bob, `${repository}:unsigned`)).toBeUndefined();
  });

  it('refuses a tag that was revoked, and pulls the others', async () => {
    const repository = `${stage.registry}/revoked`;
    const alice = stage.newcomer('alice');
    await published(stage, alice, `${repository}:good`, 'one');
    await published(stage, alice, `${repository}:bad`, 'two');
    const bob = stage.newcomer('bob');
    await bob.trusts('pull', `${repository}:bad`);
    await alice.does('trust', 'revoke', '-y', `${repository}:bad`);
    expect(await bob.refuses('pull', `${repository}:bad`)).toContain('No valid trust data for bad');
    await bob.trusts('pull', `${repository}:good`);
  });

  it('a collaborator’s push is pulled once they are a signer, and refused before', async () => {
    const repository = `${stage.registry}/shared`;
    const alice = stage.newcomer('alice');
    const bob = stage.newcomer('bob');
    await stage.image(alice, `${repository}:1`, 'one');
    await alice.does('trust', 'sign', `${repository}:1`);
    await bob.does('trust', 'key', 'generate', 'bob');
    const id = await stage.image(bob, `${repository}:2`, 'two');
    expect(await bob.refuses('push', `${repository}:2`)).toContain('no valid signing keys for delegation roles');
    const carol = stage.newcomer('carol');
    expect(await carol.refuses('pull', `${repository}:2`)).toContain('No valid trust data for 2');
    await alice.does('trust', 'signer', 'add', '--key', bob.home.path('bob.pub'), 'bob', repository);
    await bob.trusts('push', `${repository}:2`);
    await bob.does('rmi', '--force', `${repository}:2`);
    await carol.trusts('pull', `${repository}:2`);
    expect(await idOf(carol, `${repository}:2`)).toBe(id);
  });
});
