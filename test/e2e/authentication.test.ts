import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Person, type Ran } from '../cli/terminal.js';
import { startTokenServer, type TokenServer } from '../support/token-server.js';
import { makeIssuer, mint, type Issuer, type Json } from '../support/tokens.js';
import { World } from '../support/world.js';

const REGISTRY = 'registry.example:5000';
const PASSWORD = 'correct:hörse';

let issuer: Issuer;
let tokens: TokenServer;
let world: World;
const people: Person[] = [];

beforeAll(async () => {
  issuer = await makeIssuer();
  tokens = await startTokenServer({
    issuer,
    users: { alice: PASSWORD, bob: PASSWORD },
    identityTokens: { 'an opaque token': 'alice' },
    // Everybody reads what is public; alice publishes; nobody but she sees what is private.
    allows: (user, name, action) => user === 'alice' || (action === 'pull' && name.includes('/public/')),
  });
  const directory = await Person.arrive();
  people.push(directory);
  const rootcertbundle = directory.path('bundle.pem');
  await writeFile(rootcertbundle, issuer.certificate.toString());
  world = await World.start({ server: { auth: { ...tokens.config, rootcertbundle } } });
});
afterAll(async () => {
  await world.stop();
  await tokens.close();
  for (const person of people) await person.leave();
});
afterEach(() => {
  tokens.asked.length = 0;
  tokens.lifetime = 300;
});

/** Somebody with docker's configuration as given. */
async function person(config: Json = {}): Promise<Person> {
  const someone = await Person.arrive({ server: world.url });
  people.push(someone);
  someone.env['DOCKER_CONFIG'] = someone.path('docker');
  someone.env['PATH'] = `${someone.path('bin')}:${process.env['PATH'] ?? ''}`;
  await mkdir(someone.path('docker'));
  await writeFile(someone.path('docker', 'config.json'), JSON.stringify(config));
  return someone;
}

function auths(user: string, password = PASSWORD): Json {
  return { auths: { [REGISTRY]: { auth: Buffer.from(`${user}:${password}`).toString('base64') } } };
}

async function published(who: Person, name: string): Promise<string> {
  const { rootFingerprint } = await who.json<{ rootFingerprint: string }>('init', name);
  await writeFile(who.path('a.txt'), 'hello');
  await who.ok('add', name, who.path('a.txt'));
  await who.ok('publish', name);
  return rootFingerprint;
}

function list(who: Person, name: string, pin: string): Promise<Ran> {
  return who.run('list', name, '--root-fingerprint', pin);
}

describe('somebody logged in by identity token', () => {
  const byToken = (identitytoken: string): Json => ({ auths: { [REGISTRY]: { auth: '', identitytoken } } });

  it('publishes and reads', async () => {
    const name = `${REGISTRY}/private/by-token`;
    const alice = await person(byToken('an opaque token'));
    await published(alice, name);
    await alice.ok('list', name);
    expect(new Set(tokens.asked.map(({ method, user }) => `${method} ${user ?? ''}`))).toEqual(new Set(['POST alice']));
  });

  it('is told where it is not theirs', async () => {
    const eve = await person(byToken('another token'));
    const ran = await eve.run('init', `${REGISTRY}/private/by-eve`);
    expect(ran).toMatchObject({ code: 9, out: '' });
    expect(ran.err).toContain('refuses the login of the identity token');
    expect(ran.err).not.toContain('another token');
  });
});

describe('somebody logged in with docker', () => {
  it('publishes, reads, and rotates keys, asking for no more tokens than it needs', async () => {
    const name = `${REGISTRY}/private/app`;
    const alice = await person(auths('alice'));
    const pin = await published(alice, name);
    expect(new Set(tokens.asked.map(({ user }) => user))).toEqual(new Set(['alice']));
    expect(new Set(tokens.asked.map(({ query }) => query['scope']))).toEqual(
      new Set([`repository:${name}:pull`, `repository:${name}:push,pull`]),
    );
    expect(tokens.asked[0]?.query).toMatchObject({ account: 'alice', service: 'test trust' });
    // `init` and `publish`, two scopes each.
    expect(tokens.asked.length).toBeLessThanOrEqual(4);
    expect((await list(alice, name, pin)).out).toContain('a.txt');
    await alice.ok('rotate', name, 'timestamp');
    expect(tokens.asked.some(({ query }) => query['scope'] === `repository:${name}:*`)).toBe(true);
    await alice.ok('get', name, 'a.txt', '-o', alice.path('fetched'));
  });

  it('who uploads many files at once asks for one token', async () => {
    const name = `${REGISTRY}/private/many`;
    const alice = await person(auths('alice'));
    await alice.ok('init', name);
    await mkdir(alice.path('dist'));
    for (let file = 0; file < 30; file += 1) await writeFile(alice.path('dist', `${file}`), `content ${file}`);
    await alice.ok('add', name, alice.path('dist'));
    tokens.asked.length = 0;
    await alice.ok('publish', name);
    expect(tokens.asked.map(({ query }) => query['scope'])).toEqual([
      `repository:${name}:pull`,
      `repository:${name}:push,pull`,
    ]);
  });

  it('goes on when tokens last no longer than a request', async () => {
    tokens.lifetime = 1;
    await published(await person(auths('alice')), `${REGISTRY}/private/brief`);
    expect(tokens.asked.length).toBeGreaterThan(4);
  });

  it('through a credential helper, does too', async () => {
    const alice = await person({ credsStore: 'wrong', credHelpers: { [REGISTRY]: 'test' } });
    const helper = join(alice.path('bin'), 'docker-credential-test');
    await mkdir(alice.path('bin'));
    const answer = JSON.stringify({ ServerURL: REGISTRY, Username: 'alice', Secret: PASSWORD });
    const script = `#!/bin/sh\n[ "$1" = get ] && [ "$(cat)" = "${REGISTRY}" ] && echo '${answer}'\n`;
    await writeFile(helper, script);
    await chmod(helper, 0o755);
    await published(alice, `${REGISTRY}/private/helped`);
  });

  it('as somebody who may only read is told to ask for more', async () => {
    const bob = await person(auths('bob'));
    const { code, err } = await bob.run('init', `${REGISTRY}/public/bob`);
    expect(code).toBe(9);
    expect(err).toMatch(/does not allow bob to push and pull registry\.example:5000\/public\/bob/u);
    expect(err).toContain('Ask whoever runs the server for access.');
  });

  it('with a wrong password is told to log in', async () => {
    const alice = await person(auths('alice', 'wrong'));
    const { code, err } = await alice.run('init', `${REGISTRY}/private/wrong`);
    expect(code).toBe(9);
    expect(err).toContain('refuses the login of alice');
    expect(err).toContain(`docker login ${REGISTRY}`);
    expect(err).not.toContain('wrong"');
  });

  it('shows neither password nor token in what goes wrong', async () => {
    const alice = await person(auths('bob'));
    alice.env['COUNTERSIGN_DEBUG'] = '1';
    const { err } = await alice.run('init', `${REGISTRY}/private/debug`);
    expect(err).toContain('at ');
    expect(err).not.toContain('eyJ');
    expect(err).not.toContain(PASSWORD);
    expect(err).not.toContain(Buffer.from(`bob:${PASSWORD}`).toString('base64'));
  });
});

describe('somebody not logged in', () => {
  it('reads what is public, and is told to log in for what is not', async () => {
    const alice = await person(auths('alice'));
    const nobody = await person();
    const open = `${REGISTRY}/public/app`;
    const secret = `${REGISTRY}/private/secret`;
    const openPin = await published(alice, open);
    const secretPin = await published(alice, secret);
    tokens.asked.length = 0;
    expect((await list(nobody, open, openPin)).out).toContain('a.txt');
    expect(tokens.asked.map(({ user }) => user)).toEqual([undefined]);
    const { code, err } = await list(nobody, secret, secretPin);
    expect(code).toBe(9);
    expect(err).toMatch(/does not allow just anybody to pull/u);
    expect(err).toContain(`docker login ${REGISTRY}`);
  });
});

describe('COUNTERSIGN_TOKEN', () => {
  const claims = (name: string): Json => ({
    iss: 'test issuer',
    aud: 'test trust',
    exp: Math.floor(Date.now() / 1000) + 60,
    access: [{ type: 'repository', name, actions: ['*'] }],
  });

  it('is sent as it is, and no other is asked for', async () => {
    const name = `${REGISTRY}/private/static`;
    const machine = await person();
    machine.env['COUNTERSIGN_TOKEN'] = mint(issuer, claims(name));
    await published(machine, name);
    expect(tokens.asked).toEqual([]);
  });

  it('that has expired, or is for something else, is said to be', async () => {
    const machine = await person(auths('alice'));
    const name = `${REGISTRY}/private/old`;
    machine.env['COUNTERSIGN_TOKEN'] = mint(issuer, { ...claims(name), exp: 1 });
    expect((await machine.run('init', name)).err).toMatch(/does not accept the token[^]*another COUNTERSIGN_TOKEN/u);
    machine.env['COUNTERSIGN_TOKEN'] = mint(issuer, claims('other'));
    expect((await machine.run('init', name)).err).toMatch(/does not allow the token given to/u);
    machine.env['COUNTERSIGN_TOKEN'] = 'a\nb';
    expect(await machine.run('init', name)).toMatchObject({ code: 2 });
    expect(tokens.asked).toEqual([]);
  });
});
