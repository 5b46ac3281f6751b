import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Person } from './terminal.js';

let owner: Person;
let other: Person;
const MINE = { env: { COUNTERSIGN_PASSPHRASE: 'mine' } };

beforeEach(async () => {
  owner = await Person.arrive();
  other = await Person.arrive();
});
afterEach(async () => {
  await owner.leave();
  await other.leave();
});

async function generated(type = 'ed25519'): Promise<string> {
  return (await owner.json<{ id: string }>('key', 'generate', '--type', type)).id;
}

describe('a key of type', () => {
  it.each([
    ['ed25519', 'ed25519'],
    ['ecdsa-p256', 'ecdsa-sha2-nistp256'],
  ])('%s is made, and its public half gives no secret away', async (type, scheme) => {
    const id = await generated(type);
    expect(await owner.ok('key', 'list')).toMatch(new RegExp(`^${id} +${scheme} +\\d{4}-\\d\\d-\\d\\d +-$`, 'mu'));
    const pem = await owner.ok('key', 'export', id.slice(0, 10), '--public');
    expect(pem).toMatch(/^-----BEGIN PUBLIC KEY-----\n[\w+/=\n]+-----END PUBLIC KEY-----\n$/u);
    await owner.ok('key', 'export', id, '--public', '-o', owner.path('public.pem'));
    expect(await readFile(owner.path('public.pem'), 'utf8')).toBe(pem);
  });

  it('nobody knows makes no sense', async () => {
    expect(await owner.run('key', 'generate', '--type', 'rsa')).toMatchObject({ code: 2, out: '' });
  });
});

describe('a private key', () => {
  it('is exported encrypted, for its owner alone', async () => {
    const id = await generated();
    expect(await owner.ok('key', 'export', id)).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/u);
    await owner.ok('key', 'export', id, '-o', owner.path('key.pem'));
    expect((await stat(owner.path('key.pem'))).mode & 0o777).toBe(0o600);
  });

  it('is opened with --import-passphrase-file, and sealed anew with ours', async () => {
    const id = await generated();
    const [pem, theirs] = [other.path('key.pem'), other.path('theirs')];
    await owner.ok('key', 'export', id, '-o', pem);
    await writeFile(theirs, 'correct horse\n');
    expect(await other.runWith(MINE, 'key', 'import', pem)).toMatchObject({ code: 8 });
    const opened = await other.runWith(MINE, 'key', 'import', pem, '--import-passphrase-file', theirs);
    expect(opened).toMatchObject({ code: 0 });
    expect(await other.runWith(MINE, 'key', 'export', id)).toMatchObject({ code: 0 });
    expect(await other.run('key', 'export', id)).toMatchObject({ code: 8, out: '' });
  });
});

describe('a key named by how its id begins', () => {
  it('must be one alone', async () => {
    await generated();
    expect((await owner.run('key', 'export', '', '--public')).code).toBe(0);
    await generated();
    const ran = await owner.run('key', 'export', '', '--public');
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain('2 of your keys begin with');
  });

  it('must be there', async () => {
    const ran = await owner.run('key', 'export', 'abc');
    expect(ran).toMatchObject({ code: 3, out: '' });
    expect(ran.err).toContain('none of your keys begins with abc');
  });
});

describe('a backup', () => {
  it('is not written over another file unless forced to; its own copy is left as it is', async () => {
    const [first, second] = [await generated(), await generated()];
    const file = owner.path('backup.pem');
    await owner.ok('key', 'export', first, '-o', file);
    const kept = await readFile(file, 'utf8');
    for (const argv of [
      ['key', 'export', second, '-o', file],
      ['key', 'export', first, '--public', '-o', file],
    ]) {
      const ran = await owner.run(...argv);
      expect(ran).toMatchObject({ code: 2, out: '' });
      expect(ran.err).toContain(`${file} is there already and holds something else`);
    }
    expect(await owner.ok('key', 'export', first, '-o', file)).toContain('already');
    expect(await readFile(file, 'utf8')).toBe(kept);
    await owner.ok('key', 'export', second, '-o', file, '--force');
    expect(await readFile(file, 'utf8')).not.toBe(kept);
  });

  it('of a request is not written over either, and no key is made for it', async () => {
    const file = owner.path('request.json');
    await writeFile(file, 'mine');
    const argv = ['delegation', 'request', 'example.com/a', 'bob', '-o', file];
    expect(await owner.run(...argv)).toMatchObject({ code: 2, out: '' });
    expect(await readFile(file, 'utf8')).toBe('mine');
    expect(await owner.ok('key', 'list')).toContain('You have no keys');
    await owner.ok(...argv, '--force');
  });
});

describe('a mistyped passphrase', () => {
  it('makes no key that the real one does not open', async () => {
    await generated();
    for (const argv of [
      ['key', 'generate'],
      ['delegation', 'request', 'ex.com/a', 'bob', '-o', owner.path('r')],
    ]) {
      const ran = await owner.runWith({ env: { COUNTERSIGN_PASSPHRASE: 'correct hrose' } }, ...argv);
      expect(ran).toMatchObject({ code: 8, out: '' });
      expect(ran.err).toContain('opens none of the keys you have');
    }
    expect(await owner.json<unknown[]>('key', 'list')).toHaveLength(1);
  });
});

describe('a home directory', () => {
  it.each([
    [0o700, false],
    [0o755, false],
    [0o775, true],
    [0o702, true],
  ])('of mode %o is told to be open to others: %j', async (mode, told) => {
    await mkdir(owner.path('home'));
    await chmod(owner.path('home'), mode);
    const { code, err } = await owner.run('key', 'list');
    expect(code).toBe(0);
    expect(err).toBe(
      told
        ? `others can write in ${owner.path('home')}, and so decide what you trust and publish: \`chmod go-w ${owner.path('home')}\`\n`
        : '',
    );
  });
});

describe('a damaged key file', () => {
  it('is named once, and keeps no other key from being listed and signed with', async () => {
    const id = await generated();
    const bad = owner.path('home', 'keys', `${'0'.repeat(64)}.json`);
    await writeFile(bad, '{}');
    const listed = await owner.run('key', 'list');
    expect(listed).toMatchObject({ code: 0, out: expect.stringContaining(id) as string });
    expect(listed.err).toMatch(/^passed over: .*0{64}\.json cannot be used: .+\n$/u);
    const request = owner.path('request.json');
    expect(
      await owner.run('delegation', 'request', 'ex.com/a', 'bob', '--key', id.slice(0, 9), '-o', request),
    ).toMatchObject({
      code: 0,
    });
  });
});
