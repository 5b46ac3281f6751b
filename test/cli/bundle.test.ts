import { Socket } from 'node:net';
import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sha256 } from '../simulator/keys.js';
import { GUN as NOTARY, NOW, target } from '../simulator/notary.js';
import { NotaryRepository } from '../simulator/notary-repository.js';
import { NotaryWeb } from '../simulator/notary-web.js';
import { RepositorySimulator, START } from '../simulator/repository.js';
import { serve, type Served } from '../support/served-simulator.js';
import { Person } from './terminal.js';

const NAME = 'example.com/bundled';
const DAY = 86_400_000;

let sim: RepositorySimulator;
let served: Served;
/** Who has a network, and who has none. */
let online: Person;
let offline: Person;
let now: number;
/** Why who has none believes the root. */
let pin: string[];

beforeEach(async () => {
  now = START;
  sim = new RepositorySimulator();
  sim.delegate('targets', 'team', { paths: ['lib/*'] });
  sim.delegate('targets', 'docs', { paths: ['docs/*'] });
  sim.addTarget('a.txt', 'one');
  sim.addTarget('lib/b.txt', 'two', 'team');
  sim.publish('targets', 'team', 'docs');
  served = await serve(sim);
  online = await Person.arrive({ server: served.url, now: () => now });
  offline = await Person.arrive({ now: () => now });
  pin = ['--root-fingerprint', sha256(sim.firstRoot)];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await served.close();
  await online.leave();
  await offline.leave();
});

/** A bundle, carried to where there is no network: from then on a connection is a failure. */
async function carried(...what: string[]): Promise<string> {
  vi.restoreAllMocks();
  const file = offline.path('app.bundle');
  await online.ok('bundle', NAME, ...what, '-o', file, '--force', ...pin);
  withoutNetwork();
  return file;
}

function withoutNetwork(): void {
  vi.spyOn(Socket.prototype, 'connect').mockImplementation(() => {
    throw new Error('there is no network');
  });
}

describe('verify --bundle', () => {
  it('says what the bundle holds and how fresh it is, without a network', async () => {
    const file = await carried();
    const { code, out, err } = await offline.run('verify', '--bundle', file, ...pin);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe(
      `${file} holds ${NAME}: root 1, timestamp 2, snapshot 2, targets 2.\n` +
        'Expires  in 30 days (2030-01-31 00:00 UTC)\n',
    );
    expect(await offline.json('verify', NAME, '--bundle', file)).toEqual({
      verified: true,
      bundle: file,
      name: NAME,
      versions: { root: 1, timestamp: 2, snapshot: 2, targets: 2 },
      expires: '2030-01-31T00:00:00Z',
    });
  });

  it('checks a target within, or beside, the bundle', async () => {
    const file = await carried('--all');
    expect(await offline.ok('verify', NAME, 'lib/b.txt', '--bundle', file, ...pin)).toContain(
      'It holds lib/b.txt (3 B), signed for by team.',
    );
    const beside = offline.path('b.txt');
    await writeFile(beside, 'two');
    expect(await offline.ok('verify', NAME, 'lib/b.txt', beside, '--bundle', file)).toContain(`${beside} is lib/b.txt`);
    await writeFile(beside, 'Two');
    expect((await offline.run('verify', NAME, 'lib/b.txt', beside, '--bundle', file)).code).toBe(4);
  });

  it('brings no trust of its own', async () => {
    const file = await carried();
    const unpinned = await offline.run('verify', '--bundle', file);
    expect(unpinned).toMatchObject({ code: 4, out: '' });
    expect(unpinned.err).toContain('no trusted root');
    expect(unpinned.err).not.toContain('first-use');
    const other = sha256(new RepositorySimulator().firstRoot);
    expect((await offline.run('verify', '--bundle', file, '--root-fingerprint', other)).code).toBe(4);
    const firstUse = await offline.run('verify', '--bundle', file, '--trust-on-first-use');
    expect(firstUse.code).toBe(2);
    expect(firstUse.err).toContain('cannot say that it is to be believed');
  });

  it('refuses a bundle older than the last one, or than a trust.lock records', async () => {
    const before = await readFile(await carried());
    vi.restoreAllMocks();
    sim.publish('targets');
    await online.ok('pin', NAME, '--lock', offline.path('their.lock'));
    const newer = await carried();
    await offline.ok('verify', '--bundle', newer, ...pin);
    const older = offline.path('old.bundle');
    await writeFile(older, before);
    const ran = await offline.run('verify', '--bundle', older);
    expect(ran.code).toBe(4);
    expect(ran.err).toContain('timestamp version 2 is older than version 3');
    expect((await offline.run('verify', '--bundle', older, '--lock', offline.path('their.lock'))).code).toBe(4);
    await offline.ok('verify', '--bundle', newer, '--lock', offline.path('their.lock'));
  });

  it('is believed as the trust.lock in the current directory has it', async () => {
    await online.ok('pin', NAME, '--lock', offline.path('trust.lock'), ...pin);
    const ran = await offline.run('verify', '--bundle', await carried());
    expect(ran).toMatchObject({ code: 0, err: expect.stringContaining('trust.lock') as string });
  });

  it('does not count as having asked the server', async () => {
    const file = await carried();
    await offline.ok('verify', '--bundle', file, ...pin);
    vi.restoreAllMocks();
    sim.requests.length = 0;
    await offline.ok('list', NAME, '--server', served.url, '--max-stale', '1d');
    expect(sim.requests).toContain('timestamp.json');
  });

  it('refuses what has expired, unless a date is named; then it says what is given up', async () => {
    const file = await carried();
    now = START + 40 * DAY;
    const expired = await offline.run('verify', '--bundle', file, ...pin);
    expect(expired).toMatchObject({ code: 5, out: '' });
    expect(expired.err).toContain('--as-of DATE');
    const ran = await offline.run('verify', '--bundle', file, ...pin, '--as-of', '2030-01-30');
    expect(ran.code).toBe(0);
    expect(ran.out).toContain('EXPIRED 10 days ago');
    expect(ran.err).toContain('what was published, withdrawn or revoked since is not seen');
    expect((await offline.run('verify', '--bundle', file, '--as-of', '2030-01-31T00:00:00Z')).code).toBe(5);
  });

  it('refuses what does not stay valid as long as is asked', async () => {
    const file = await carried();
    await offline.ok('verify', '--bundle', file, ...pin, '--valid-for', '29d');
    expect((await offline.run('verify', '--bundle', file, '--valid-for', '30d')).code).toBe(5);
  });

  it.each([
    ['a date to come', ['--as-of', '2030-02-01']],
    ['no date', ['--as-of', 'yesterday']],
    ['no time', ['--valid-for', 'long']],
  ])('takes %s for a slip', async (_, options) => {
    expect((await offline.run('verify', '--bundle', await carried(), ...pin, ...options)).code).toBe(2);
  });

  it('tells a bundle of another collection, a file that is none, and one that is not there', async () => {
    const file = await carried();
    const other = await offline.run('verify', 'example.com/other', '--bundle', file, ...pin);
    expect(other.code).toBe(2);
    expect(other.err).toContain(`is a bundle of ${NAME}, not of example.com/other`);
    await writeFile(file, 'garbage');
    expect((await offline.run('verify', '--bundle', file, ...pin)).code).toBe(4);
    expect((await offline.run('verify', '--bundle', offline.path('nowhere'), ...pin)).code).toBe(3);
  });
});

describe('other verbs with --bundle', () => {
  it('list, inspect and get read it as they read a server', async () => {
    const file = await carried();
    const bundle = ['--bundle', file, ...pin];
    expect(await offline.ok('list', NAME, ...bundle)).toContain('lib/b.txt');
    expect(await offline.ok('inspect', NAME, ...bundle)).toContain(`${NAME} on ${file}`);
    const ran = await offline.run('get', NAME, 'lib/b.txt', ...bundle, '-o', offline.path('b.txt'));
    expect(ran.err).toContain('vouches for lib/b.txt, but does not hold it');
    expect(ran.code).toBe(3);
  });

  it('get takes a target out of it', async () => {
    const file = await carried('lib/');
    await offline.ok('get', NAME, 'lib/b.txt', '--bundle', file, ...pin, '-o', offline.path('b.txt'));
    expect(await readFile(offline.path('b.txt'), 'utf8')).toBe('two');
    const other = await offline.run('get', NAME, 'a.txt', '--bundle', file, '-o', offline.path('a.txt'));
    expect(other.code).toBe(3);
    expect(other.err).toContain(`countersign bundle ${NAME} a.txt -o FILE`);
  });

  it('of named targets holds the roles that lead to them, and says when another is needed', async () => {
    const file = await carried('lib/b.txt');
    await offline.ok('verify', NAME, 'lib/b.txt', '--bundle', file, ...pin);
    const ran = await offline.run('verify', NAME, 'docs/x', '--bundle', file);
    expect(ran.code).toBe(3);
    expect(ran.err).toContain('Get another bundle, newer or of more');
  });

  it('--as-of is for bundles alone', async () => {
    expect((await online.run('list', NAME, ...pin, '--as-of', '2030-01-01')).code).toBe(2);
  });
});

describe('bundle', () => {
  it('says what it wrote, and replaces no file unless told', async () => {
    const file = online.path('app.bundle');
    const told = await online.json('bundle', NAME, 'a.txt', '-o', file, ...pin);
    expect(told).toMatchObject({ name: NAME, file, expires: '2030-01-31T00:00:00Z', targets: [{ target: 'a.txt' }] });
    const before = await readFile(file);
    expect((await online.run('bundle', NAME, '-o', file)).code).toBe(2);
    expect(await readFile(file)).toEqual(before);
    expect(await online.ok('bundle', NAME, '-o', file, '--force')).toContain('0 targets');
  });

  it('leaves nothing where a target is not what was signed for', async () => {
    const file = online.path('app.bundle');
    sim.targetFiles.set(`${sha256('one')}.a.txt`, Buffer.from('One'));
    expect((await online.run('bundle', NAME, '--all', '-o', file, ...pin)).code).toBe(4);
    await expect(readFile(file)).rejects.toThrow('ENOENT');
  });

  it('takes no target that is not listed', async () => {
    const ran = await online.run('bundle', NAME, 'b.txt', '-o', online.path('x'), ...pin);
    expect(ran.code).toBe(3);
    expect(ran.err).toContain('lists b.txt');
  });
});

describe('of a Notary collection', () => {
  it('a bundle proves digests without a network, also where a role is left out', async () => {
    const notary = new NotaryRepository();
    notary.documents.get('targets')!.targets['latest'] = target('a manifest');
    notary.delegate('targets', 'targets/old');
    notary.documents.get('targets/old')!.expires = '2029-01-01T00:00:00Z';
    notary.publish('targets', 'targets/old');
    const there = await serve(new NotaryWeb(notary));
    const reader = await Person.arrive({ now: () => NOW });
    const file = reader.path('image.bundle');
    await reader.ok('bundle', NOTARY, '-o', file, '--server', there.url, '--trust-on-first-use');
    withoutNetwork();
    const ran = await reader.run('list', NOTARY, '--bundle', file);
    expect(ran.out).toContain(sha256('a manifest'));
    expect(ran.err).toContain('targets/old is left out');
    vi.restoreAllMocks();
    await there.close();
    await reader.leave();
  });
});
