import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { World } from '../support/world.js';
import { Person } from './terminal.js';

let world: World;
const people: Person[] = [];
let made = 0;

beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.stop());
afterEach(async () => {
  await Promise.all(people.splice(0).map((person) => person.leave()));
});

async function person(): Promise<Person> {
  const someone = await Person.arrive({ server: world.url });
  people.push(someone);
  return someone;
}

interface Begun {
  readonly name: string;
  readonly publisher: Person;
  readonly pin: string;
}

/** A published collection with `files`. */
async function begun(files: Record<string, string> = { 'a.txt': 'one' }): Promise<Begun> {
  const publisher = await person();
  const name = `example.com/cli/${(made += 1)}`;
  const { rootFingerprint: pin } = await publisher.json<{ rootFingerprint: string }>('init', name);
  for (const [path, text] of Object.entries(files)) await stage(publisher, name, path, text);
  await publisher.ok('publish', name);
  return { name, publisher, pin };
}

async function stage(who: Person, name: string, path: string, text: string, ...more: string[]): Promise<void> {
  await mkdir(who.path('files'), { recursive: true });
  const file = who.path('files', path.replaceAll('/', '_'));
  await writeFile(file, text);
  await who.ok('add', name, file, '--as', path, ...more);
}

/** The targets of a collection as somebody who knows `pin` sees them. */
async function listed(who: Person, name: string, pin?: string): Promise<string[]> {
  const trust = pin === undefined ? [] : ['--root-fingerprint', pin];
  return (await who.json<{ target: string }[]>('list', name, ...trust)).map(({ target }) => target).sort();
}

describe('the main job', () => {
  it('publishes a directory, and fetches it knowing nothing but the fingerprint', async () => {
    const publisher = await person();
    const name = 'example.com:5000/team/app';
    const { rootFingerprint } = await publisher.json<{ rootFingerprint: string }>('init', name);
    await mkdir(publisher.path('dist', 'lib', 'empty'), { recursive: true });
    await writeFile(publisher.path('dist', 'index.js'), 'index');
    await writeFile(publisher.path('dist', 'lib', 'ä %20 b.js'), 'strange');
    await writeFile(publisher.path('dist', 'lib', 'nothing'), '');
    await publisher.ok('add', name, publisher.path('dist'));
    const status = await publisher.json<{ published: boolean; changes: unknown[] }>('status', name);
    expect(status.published).toBe(false);
    expect(status.changes).toHaveLength(3);
    const published = await publisher.json<{ kind: string; versions: Record<string, number> }>('publish', name);
    expect(published).toMatchObject({
      kind: 'published',
      versions: { root: 1, targets: 1, snapshot: 1, timestamp: 1 },
    });

    const reader = await person();
    expect(await listed(reader, name, rootFingerprint)).toEqual([
      'dist/index.js',
      'dist/lib/nothing',
      'dist/lib/ä %20 b.js',
    ]);
    await reader.ok('get', name, 'dist/lib/ä %20 b.js', '-o', reader.path('strange'));
    expect(await readFile(reader.path('strange'), 'utf8')).toBe('strange');
    await reader.ok('verify', name, 'dist/lib/ä %20 b.js', reader.path('strange'));
    await reader.ok('get', name, '--all', '-o', reader.path('all'));
    expect(await readFile(reader.path('all', 'dist', 'index.js'), 'utf8')).toBe('index');
    expect(await readdir(reader.path('all', 'dist', 'lib'))).toEqual(['nothing', 'ä %20 b.js']);
    const inspection = await reader.ok('inspect', name);
    expect(inspection).toContain(rootFingerprint);
    expect(inspection).toMatch(/^timestamp +1 +in 6 days \(.* UTC\) +[0-9a-f]{12} \S+ \(1 of 1 key, 1 needed\)$/mu);
  });

  it('publishes only what changed, and nothing twice', async () => {
    const { name, publisher } = await begun({ 'a.txt': 'one', 'b.txt': 'two' });
    expect(await publisher.ok('publish', name)).toBe(`Nothing to publish in ${name}.\n`);
    await stage(publisher, name, 'a.txt', 'one');
    expect((await publisher.json<{ changes: unknown[] }>('status', name)).changes).toEqual([]);
    await publisher.ok('remove', name, 'b.txt');
    await publisher.ok('publish', name);
    expect(await listed(publisher, name)).toEqual(['a.txt']);
  });

  it('refuses a file that is not the published one', async () => {
    const { name, publisher } = await begun();
    const other = publisher.path('other');
    for (const [text, how] of [
      ['two', 'it has the sha256 hash'],
      ['twofold', 'it has more than the 3 bytes that were signed for'],
      ['to', 'it has 2 bytes instead of the 3 that were signed for'],
    ] as const) {
      await writeFile(other, text);
      const ran = await publisher.run('verify', name, 'a.txt', other);
      expect(ran).toMatchObject({ code: 4, out: '' });
      expect(ran.err).toContain(`${other} is not a.txt: ${how}`);
    }
  });

  it('fetches over no file that differs unless forced to, and makes no directory for one', async () => {
    const { name, publisher } = await begun({ 'a.txt': 'one', 'b.txt': 'two' });
    const file = publisher.path('a.txt');
    await publisher.ok('get', name, 'a.txt', '-o', file);
    expect(await publisher.ok('get', name, 'a.txt', '-o', file)).toContain(`is already there, in ${file}`);
    await writeFile(file, 'mine');
    for (const argv of [
      ['a.txt', '-o', file],
      ['--all', '-o', publisher.directory],
    ]) {
      const refused = await publisher.run('get', name, ...argv);
      expect(refused).toMatchObject({ code: 2, out: '' });
      expect(refused.err).toContain(`${file} is there already and differs`);
    }
    expect(await readFile(file, 'utf8')).toBe('mine');
    expect(await readdir(publisher.directory)).not.toContain('b.txt');
    await publisher.ok('get', name, 'a.txt', '-o', file, '--force');
    expect(await publisher.ok('get', name, '--all', '-o', publisher.directory)).toBe(
      '1 target fetched (3 B); 1 was there already.\n',
    );
    const nowhere = await publisher.run('get', name, 'a.txt', '-o', publisher.path('no', 'such', 'a.txt'));
    expect(nowhere).toMatchObject({ code: 2, out: '' });
    expect(nowhere.err).toContain(`there is no directory ${publisher.path('no', 'such')}`);
  });

  it('tells of an empty directory, counts a file once, and says what is only unstaged', async () => {
    const { name, publisher } = await begun();
    await mkdir(publisher.path('void'));
    const empty = await publisher.run('add', name, publisher.path('void'));
    expect(empty.err).toContain(`there is no file in ${publisher.path('void')}`);
    await writeFile(publisher.path('b.txt'), 'two');
    expect(await publisher.ok('add', name, publisher.path('b.txt'), publisher.path('b.txt'))).toContain(
      '1 file staged',
    );
    expect(await publisher.ok('remove', name, 'b.txt')).toBe(
      '1 target unstaged; never published, so there is nothing to remove.\n',
    );
    await writeFile(publisher.path('a.txt'), 'one');
    expect(await publisher.ok('add', name, publisher.path('a.txt'))).toContain('1 file is published as it is already.');
  });
});

describe('trust', () => {
  it('believes nobody by default', async () => {
    const { name } = await begun();
    const { code, err } = await (await person()).run('list', name);
    expect(code).toBe(4);
    expect(err).toContain('--root-fingerprint');
  });

  it('refuses a collection whose root is not the pinned one', async () => {
    const { name } = await begun();
    expect((await (await person()).run('list', name, '--root-fingerprint', `sha256:${'0'.repeat(64)}`)).code).toBe(4);
  });

  it('believes what it sees first only when told so, and remembers it', async () => {
    const { name, pin } = await begun();
    const reader = await person();
    const { code, err } = await reader.run('list', name, '--trust-on-first-use');
    expect({ code, err }).toEqual({
      code: 0,
      err: `trusted on first use: the root ${pin}; compare it with what its publisher tells you\n`,
    });
    await reader.ok('list', name);
  });

  it('says what it found instead of the pinned root, each on a line of its own', async () => {
    const { name, publisher, pin } = await begun();
    await publisher.ok('rotate', name, 'timestamp');
    const { code, err } = await (await person()).run('list', name, '--root-fingerprint', '0'.repeat(64));
    expect(code).toBe(4);
    expect(err).toContain("none of the repository's 2 roots has the fingerprint");
    expect(err).toContain(`\n    version 1 ${pin}\n    version 2 sha256:`);
  });

  it('does not begin with a file that is no root', async () => {
    const { name } = await begun();
    const reader = await person();
    await writeFile(reader.path('README.md'), '# Read me\n');
    const ran = await reader.run('list', name, '--root', reader.path('README.md'));
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain(`${reader.path('README.md')} is no root file`);
    const ca = await reader.run('list', name, '--trust-on-first-use', '--ca', reader.path('README.md'));
    expect(ca).toMatchObject({ code: 2, out: '' });
    expect(ca.err).toContain(`the CA file ${reader.path('README.md')} holds no certificate`);
  });

  it('begins with a root file', async () => {
    const { name } = await begun();
    const reader = await person();
    const raw = await fetch(`${world.url}/v2/${name}/_trust/tuf/1.root.json`);
    await writeFile(reader.path('root.json'), new Uint8Array(await raw.arrayBuffer()));
    await reader.ok('list', name, '--root', reader.path('root.json'));
  });
});

describe('two publishers', () => {
  /** The same person at a second machine: the same keys, another home otherwise. */
  async function second({ name, publisher, pin }: Begun): Promise<Person> {
    const other = await person();
    for (const { id } of await publisher.json<{ id: string }[]>('key', 'list')) {
      await publisher.ok('key', 'export', id, '-o', other.path(`${id}.pem`));
      await other.ok('key', 'import', other.path(`${id}.pem`));
    }
    await listed(other, name, pin);
    return other;
  }

  it('conflict, and both changes are there in the end', async () => {
    const begin = await begun();
    const { name, publisher } = begin;
    const other = await second(begin);
    await stage(publisher, name, 'mine.txt', 'mine');
    await stage(other, name, 'theirs.txt', 'theirs');
    await Promise.all([publisher.ok('publish', name), other.ok('publish', name)]);
    expect(await listed(publisher, name)).toEqual(['a.txt', 'mine.txt', 'theirs.txt']);
  });

  it('are shown a contradiction, and can publish over it on purpose', async () => {
    const begin = await begun();
    const { name, publisher } = begin;
    const other = await second(begin);
    await stage(publisher, name, 'a.txt', 'mine');
    await stage(other, name, 'a.txt', 'theirs!');
    await publisher.ok('publish', name);
    const refused = await other.run('publish', name);
    expect(refused.code).toBe(6);
    expect(refused.err).toMatch(/a\.txt: you have 7 bytes .*, version 2 has 4 bytes .* \(you last saw version 1\)/u);
    expect((await other.json<{ changes: unknown[] }>('status', name)).changes).toHaveLength(1);
    await stage(other, name, 'a.txt', 'theirs!');
    await other.ok('publish', name);
    await publisher.ok('get', name, 'a.txt', '-o', publisher.path('a'));
    expect(await readFile(publisher.path('a'), 'utf8')).toBe('theirs!');
  });

  it('of the same change agree', async () => {
    const begin = await begun();
    const { name, publisher } = begin;
    const other = await second(begin);
    await stage(publisher, name, 'b.txt', 'same');
    await stage(other, name, 'b.txt', 'same');
    await publisher.ok('publish', name);
    expect(await other.ok('publish', name)).toBe(`Everything staged is in ${name} already.\n`);
  });
});

describe('rotation', () => {
  it('of each role is followed by a client several versions behind', async () => {
    const { name, publisher, pin } = await begun();
    const reader = await person();
    expect(await listed(reader, name, pin)).toEqual(['a.txt']);
    for (const role of ['timestamp', 'snapshot', 'targets', 'root', 'timestamp'])
      await publisher.ok('rotate', name, role);
    await stage(publisher, name, 'after.txt', 'after');
    await publisher.ok('publish', name);
    expect(await listed(reader, name)).toEqual(['a.txt', 'after.txt']);
    expect(await listed(await person(), name, pin)).toEqual(['a.txt', 'after.txt']);
    const { roles } = await reader.json<{ roles: { role: string; version: number }[] }>('inspect', name);
    expect(roles.find(({ role }) => role === 'root')?.version).toBe(6);
  });

  it('under a mistyped passphrase makes no key', async () => {
    const { name, publisher } = await begun();
    const before = await publisher.json<unknown[]>('key', 'list');
    const ran = await publisher.runWith({ env: { COUNTERSIGN_PASSPHRASE: 'mistyped' } }, 'rotate', name, 'root');
    expect(ran).toMatchObject({ code: 8, out: '' });
    expect(ran.err).not.toContain('--key');
    expect(await publisher.json<unknown[]>('key', 'list')).toHaveLength(before.length);
    expect(await publisher.run('rotate', name, 'targets')).toMatchObject({ code: 0, err: '' });
    expect(await publisher.ok('key', 'list')).toMatch(new RegExp(`root of ${name}\n|root of ${name}$`, 'mu'));
  });

  it('of targets needs the root key', async () => {
    const { name, publisher, pin } = await begun();
    const stranger = await person();
    await listed(stranger, name, pin);
    const { code, err } = await stranger.run('rotate', name, 'targets');
    expect(code).toBe(8);
    expect(err).toContain('you hold 0 of the 1 keys that must sign root');
    expect(await listed(publisher, name)).toEqual(['a.txt']);
  });
});

describe('delegations', () => {
  async function delegated(begin: Begun, role: string): Promise<Person> {
    const { name, publisher, pin } = begin;
    const delegatee = await person();
    const file = delegatee.path('request.json');
    await delegatee.ok('delegation', 'request', name, role, '-o', file);
    await publisher.ok('delegation', 'add', name, role, '--request', file, '--paths', `${role}/*`);
    await listed(delegatee, name, pin);
    return delegatee;
  }

  it('of different roles never conflict, and their publishers need no other key', async () => {
    const begin = await begun();
    const { name, publisher } = begin;
    const alice = await delegated(begin, 'alice');
    const bob = await delegated(begin, 'bob');
    await stage(alice, name, 'alice/tool', 'by alice', '--role', 'alice');
    await stage(bob, name, 'bob/tool', 'by bob', '--role', 'bob');
    await Promise.all([alice.ok('publish', name), bob.ok('publish', name)]);
    expect(await listed(publisher, name)).toEqual(['a.txt', 'alice/tool', 'bob/tool']);
    const found = await publisher.json<{ target: string; role: string }[]>('list', name);
    expect(found.find(({ target }) => target === 'bob/tool')?.role).toBe('bob');
    expect(await publisher.ok('delegation', 'list', name)).toMatch(/^alice +targets +2 +[0-9a-f]{12} +alice\/\*$/mu);
  });

  it('do not reach beyond their paths', async () => {
    const begin = await begun();
    const bob = await delegated(begin, 'bob');
    await expect(stage(bob, begin.name, 'alice/evil', 'by bob', '--role', 'bob')).rejects.toThrow(
      'bob may not list alice/evil: that is outside the paths delegated to it',
    );
    expect((await bob.json<{ changes: unknown[] }>('status', begin.name)).changes).toEqual([]);
  });

  it('are not made twice from the same request', async () => {
    const { name, publisher } = await begun();
    const file = publisher.path('bob.json');
    await publisher.ok('delegation', 'request', name, 'bob', '-o', file);
    const add = ['delegation', 'add', name, 'bob', '--request', file, '--paths', 'bob/*'];
    await publisher.ok(...add);
    expect(await publisher.ok(...add)).toBe('bob is delegated to this key already.\n');
    const other = await publisher.run(...add.slice(0, -1), 'else/*');
    expect(other).toMatchObject({ code: 9, out: '' });
    expect(other.err).toContain('bob is delegated to this key already, for bob/*');
  });

  it('of which some are mine: publish says which role can be published', async () => {
    const begin = await begun();
    const { name } = begin;
    const bob = await delegated(begin, 'bob');
    await stage(bob, name, 'bob/tool', 'by bob', '--role', 'bob');
    await stage(bob, name, 'other', 'by bob');
    const refused = await bob.run('publish', name);
    expect(refused).toMatchObject({ code: 8, out: '' });
    expect(refused.err).toContain(`\`countersign publish ${name} --role bob\``);
    await bob.ok('publish', name, '--role', 'bob');
  });

  it('can be removed and given again', async () => {
    const begin = await begun();
    const { name, publisher, pin } = begin;
    const alice = await delegated(begin, 'alice');
    await stage(alice, name, 'alice/tool', 'by alice', '--role', 'alice');
    await alice.ok('publish', name);
    await publisher.ok('delegation', 'remove', name, 'alice');
    expect(await listed(await person(), name, pin)).toEqual(['a.txt']);
    await stage(alice, name, 'alice/more', 'by alice', '--role', 'alice');
    expect(await alice.run('publish', name)).toMatchObject({ code: 9 });
    // A request that would take the role's versions back is refused, one that goes on is not.
    const stale = await person();
    await stale.ok('delegation', 'request', name, 'alice', '-o', stale.path('r'));
    expect(await publisher.run('delegation', 'add', name, 'alice', '--request', stale.path('r'))).toMatchObject({
      code: 9,
    });
    await alice.ok('delegation', 'request', name, 'alice', '-o', alice.path('again'));
    await publisher.ok('delegation', 'add', name, 'alice', '--request', alice.path('again'));
    await alice.ok('publish', name);
    expect(await listed(publisher, name)).toEqual(['a.txt', 'alice/more']);
  });

  it('are not made from a request for another role, or a changed one', async () => {
    const { name, publisher } = await begun();
    const alice = await person();
    const file = alice.path('request.json');
    await alice.ok('delegation', 'request', name, 'alice', '-o', file);
    expect(await publisher.run('delegation', 'add', name, 'bob', '--request', file)).toMatchObject({ code: 9 });
    const request = JSON.parse(await readFile(file, 'utf8')) as { signed: string };
    const signed = Buffer.from(request.signed, 'base64').toString();
    const changed = { ...request, signed: Buffer.from(signed.replace(/"20(\d\d)-/u, '"21$1-')).toString('base64') };
    await writeFile(file, JSON.stringify(changed));
    const refused = await publisher.run('delegation', 'add', name, 'alice', '--request', file);
    expect(refused.err).toContain('0 of the 1 valid signatures');
    expect(refused.code).toBe(4);
  });
});
