import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../simulator/keys.js';
import { GUN as NOTARY, NOW } from '../simulator/notary.js';
import { NotaryRepository } from '../simulator/notary-repository.js';
import { NotaryWeb } from '../simulator/notary-web.js';
import { RepositorySimulator, START } from '../simulator/repository.js';
import { Front } from '../support/front.js';
import { serve, type Served } from '../support/served-simulator.js';
import { Person } from './terminal.js';

const NAME = 'example.com/locked';
const FIRST_USE = '--trust-on-first-use';

let sim: RepositorySimulator;
let served: Served;
/** Who pins, and a machine that begins with nothing. */
let dev: Person;
let ci: Person;

beforeEach(async () => {
  sim = new RepositorySimulator();
  sim.delegate('targets', 'team');
  sim.addTarget('a.txt', 'one', 'team');
  sim.publish('targets', 'team');
  served = await serve(sim);
  dev = await Person.arrive({ now: () => START });
  ci = await Person.arrive({ now: () => START });
});
afterEach(async () => {
  await served.close();
  await dev.leave();
  await ci.leave();
});

const lockOf = (person: Person): string => person.path('trust.lock');
const textOf = (person: Person): Promise<string> => readFile(lockOf(person), 'utf8');

async function pin(name = NAME): Promise<string> {
  await dev.ok('pin', name, '--server', served.url, FIRST_USE);
  return textOf(dev);
}

/** What `dev` has committed is checked out by `ci`. */
async function checkOut(text?: string): Promise<void> {
  await writeFile(lockOf(ci), text ?? (await pin()));
}

/** The files of the repository as they are now, to be served again later. */
function keepState(): () => void {
  const files = new Map(sim.files);
  return () => {
    sim.files.clear();
    for (const [name, file] of files) sim.files.set(name, file);
  };
}

describe('pin', () => {
  it('records server, root and versions, delegated roles included', async () => {
    expect(JSON.parse(await pin())).toEqual({
      collections: {
        [NAME]: {
          root: `sha256:${sha256(sim.firstRoot)}`,
          rootFile: Buffer.from(sim.firstRoot).toString('base64'),
          server: served.url,
          versions: { root: 1, snapshot: 2, targets: 2, team: 1, timestamp: 2 },
        },
      },
      version: 1,
    });
  });

  it('writes the same bytes for the same state, in any order, one collection after the other', async () => {
    await pin('b.example/two');
    await pin('a.example/one');
    const text = await pin();
    await rm(lockOf(dev));
    for (const name of [NAME, 'a.example/one', 'b.example/two']) await pin(name);
    expect(await textOf(dev)).toBe(text);
    expect(Object.keys((JSON.parse(text) as { collections: object }).collections)).toEqual([
      'a.example/one',
      'b.example/two',
      NAME,
    ]);
    expect(text.endsWith('}\n')).toBe(true);
  });

  it('again changes nothing; another state it replaces only when told', async () => {
    const text = await pin();
    await dev.ok('pin', NAME, '--server', served.url);
    expect(await textOf(dev)).toBe(text);
    sim.publish('targets');
    const refused = await dev.run('pin', NAME, '--server', served.url);
    expect(refused.code).toBe(6);
    expect(refused.err).toContain(`countersign update-lock ${NAME}`);
    expect(await textOf(dev)).toBe(text);
    await dev.ok('pin', NAME, '--server', served.url, '--force');
    expect(await textOf(dev)).toContain('"targets": 3');
  });

  it('replaces no other root unless told', async () => {
    const text = await pin();
    const other = await serve(new RepositorySimulator());
    const ran = await ci.run('pin', NAME, '--server', other.url, FIRST_USE, '--lock', lockOf(dev));
    await other.close();
    expect(ran.code).toBe(6);
    expect(await textOf(dev)).toBe(text);
  });

  it('needs a reason to believe the root', async () => {
    const ran = await dev.run('pin', NAME, '--server', served.url);
    expect(ran.code).toBe(4);
    await expect(textOf(dev)).rejects.toThrow('ENOENT');
  });
});

describe('with a trust.lock in the current directory', () => {
  it('a machine with an empty home reads without first use, and says why it believes', async () => {
    await checkOut();
    const ran = await ci.run('list', NAME);
    expect(ran).toMatchObject({ code: 0, out: expect.stringContaining('a.txt') as string });
    expect(ran.err.split('\n').filter((line) => line.includes('trust.lock'))).toHaveLength(1);
    const get = ['get', NAME, 'a.txt', '-o', ci.path('a.txt')];
    await ci.ok(...get);
    await ci.ok('verify', NAME, 'a.txt', ci.path('a.txt'));
    await ci.ok('inspect', NAME);
  });

  it('reading never writes to it', async () => {
    await checkOut();
    const before = await textOf(ci);
    sim.publish('targets', 'team');
    await ci.ok('list', NAME);
    expect(await textOf(ci)).toBe(before);
  });

  it('old metadata, validly signed, is refused on a machine that has seen nothing', async () => {
    const setBack = keepState();
    sim.publish('targets', 'team');
    await checkOut();
    setBack();
    const ran = await ci.run('list', NAME);
    expect(ran).toMatchObject({ code: 4, out: '' });
    expect(ran.err).toContain('timestamp version 2 is older than version 3, which is recorded');
    expect(ran.err).toContain('trust.lock records a later state');
  });

  it('a collection that changed hands is refused', async () => {
    await checkOut();
    const other = await serve(new RepositorySimulator());
    const ran = await ci.run('list', NAME, '--server', other.url);
    await other.close();
    expect(ran).toMatchObject({ code: 4, out: '' });
  });

  it('roots are followed, from the recorded one', async () => {
    await checkOut();
    sim.publishRoot();
    sim.requests.length = 0;
    await ci.ok('list', NAME);
    expect(sim.requests).not.toContain('1.root.json');
    expect(sim.requests).toContain('2.root.json');
  });

  it('of another collection, nothing of it counts', async () => {
    await checkOut();
    const ran = await ci.run('list', 'example.com/other', '--server', served.url);
    expect(ran).toMatchObject({ code: 4, out: '' });
    expect(ran.err).not.toContain('trust.lock');
    expect((await ci.run('list', 'example.com/other', '--lock', lockOf(ci))).err).toContain('does not name');
  });

  it('--no-lock and an option that says whom to believe come before it', async () => {
    await checkOut('garbage');
    expect((await ci.run('list', NAME, '--no-lock')).err).toContain('no trusted root');
    expect((await ci.run('list', NAME, '--server', served.url, FIRST_USE)).code).toBe(0);
  });

  it('what it makes believe is believed nowhere else', async () => {
    await checkOut();
    await ci.ok('list', NAME);
    const elsewhere = ci.path('elsewhere');
    await mkdir(elsewhere);
    const ran = await ci.runWith({ cwd: elsewhere }, 'list', NAME, '--server', served.url);
    expect(ran).toMatchObject({ code: 4, out: '' });
    expect(ran.err).toContain('no trusted root');
  });

  it('a server that only it names is told no token; one whose lock is named is', async () => {
    await checkOut();
    const front = await Front.before(served.url);
    await writeFile(lockOf(ci), (await textOf(ci)).replace(served.url, front.url));
    front.meddle = () => 'unauthorized';
    const env = { COUNTERSIGN_TOKEN: 'a-secret' };
    const ran = await ci.runWith({ env }, 'list', NAME);
    expect(ran.err).toContain('give --lock trust.lock to log in there');
    expect(front.tokens).toEqual([]);
    await ci.runWith({ env }, 'list', NAME, '--lock', lockOf(ci));
    expect(front.tokens).toContain('Bearer a-secret');
    await front.close();
  });
});

describe('--lock and COUNTERSIGN_LOCK', () => {
  it('name the file', async () => {
    await pin();
    const ran = await ci.run('list', NAME, '--lock', lockOf(dev));
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(await ci.runWith({ env: { COUNTERSIGN_LOCK: lockOf(dev) } }, 'list', NAME)).toMatchObject({ code: 0 });
  });

  it('and an option that says whom to believe contradict each other', async () => {
    await pin();
    expect((await ci.run('list', NAME, '--lock', lockOf(dev), FIRST_USE)).code).toBe(2);
  });

  it('a file that is not there is told with what makes it', async () => {
    const ran = await ci.run('list', NAME, '--lock', ci.path('nowhere.lock'));
    expect(ran.code).toBe(2);
    expect(ran.err).toContain(`countersign pin ${NAME} --lock`);
  });
});

describe('a trust.lock', () => {
  const MARKS = '<<<<<<< HEAD\n=======\n>>>>>>> theirs\n';

  it.each([
    ['is no JSON', () => 'garbage', 'is damaged'],
    ['is cut short', (text: string) => text.slice(0, -20), 'is damaged'],
    ['is empty', () => '', 'is damaged'],
    ['is of a later version', (text: string) => text.replace('"version": 1', '"version": 2'), 'newer Countersign'],
    ['holds marks of a merge conflict', (text: string) => text.replace('  "coll', `${MARKS}  "coll`), 'merge conflict'],
    ['was merged to another root', (text: string) => text.replace(/sha256:..../u, 'sha256:0000'), 'fingerprint'],
    ['lacks a version', (text: string) => text.replace('"timestamp": 2', '"x": 2'), 'does not have the versions'],
    ['holds a version that is none', (text: string) => text.replace('"team": 1', '"team": 1.5'), 'has no version'],
    ['holds a root version that is not that root’s', (text: string) => text.replace('"root": 1', '"root": 2'), 'root'],
    ['names a server that is none', (text: string) => text.replace('http:', 'file:'), 'URL'],
    ['names a collection twice', (text: string) => twice(text), 'is damaged'],
  ])('that %s is told, and nothing is read', async (_, damage, why) => {
    await checkOut(damage(await pin()));
    const ran = await ci.run('list', NAME);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain(why);
    expect(ran.err).toContain('→');
  });

  it.each(['is a directory', 'is a pipe that nobody writes to'])(
    'that %s is told, and not waited for',
    async (what) => {
      if (what.includes('pipe')) execFileSync('mkfifo', [lockOf(ci)]);
      else await mkdir(lockOf(ci));
      const ran = await ci.run('list', NAME);
      expect(ran.code).toBe(2);
      expect(ran.err).toContain('--no-lock');
    },
  );

  it('is read with other line ends and in another order', async () => {
    const { collections, version } = JSON.parse(await pin()) as Record<string, unknown>;
    await checkOut(JSON.stringify({ version, collections }, undefined, 4).replaceAll('\n', '\r\n'));
    await ci.ok('list', NAME);
  });

  function twice(text: string): string {
    const entry = /"example\.com\/locked": \{.*\n {4}\}/su.exec(text)?.[0] ?? '';
    return text.replace(entry, () => `${entry},\n${entry}`);
  }
});

describe('update-lock', () => {
  it('moves forward, and says what moved', async () => {
    await pin();
    sim.publishRoot();
    sim.delegate('targets', 'docs');
    sim.publish('targets', 'docs');
    expect(await dev.ok('update-lock')).toBe(
      `${NAME}: root 1 → 2, snapshot 2 → 3, targets 2 → 3, timestamp 2 → 3, docs 1 is new\n`,
    );
    expect(await textOf(dev)).toContain(`"root": "sha256:${sha256(sim.file('2.root.json'))}"`);
    expect(await dev.ok('update-lock', NAME)).toBe(`${NAME}: nothing new\n`);
  });

  it('never moves back: a server that was set back is refused, and the file stays', async () => {
    const setBack = keepState();
    sim.publish('targets');
    const text = await pin();
    setBack();
    const ran = await dev.run('update-lock');
    expect(ran.code).toBe(4);
    expect(ran.err).toContain(`countersign: ${NAME}: timestamp version 2 is older than version 3`);
    expect(await textOf(dev)).toBe(text);
  });

  it('writes nothing unless all can be moved', async () => {
    const other = await serve(new RepositorySimulator());
    await dev.ok('pin', 'z.example/gone', '--server', other.url, FIRST_USE);
    await other.close();
    const text = await pin();
    sim.publish('targets');
    expect((await dev.run('update-lock')).code).toBe(7);
    expect(await textOf(dev)).toBe(text);
    await dev.ok('update-lock', NAME);
    expect(await textOf(dev)).not.toBe(text);
  });

  it('attack: a trust.lock that merely lies here gets no token, nor a login, for its server', async () => {
    await checkOut();
    const front = await Front.before(served.url);
    await writeFile(lockOf(ci), (await textOf(ci)).replace(served.url, front.url));
    front.meddle = () => 'unauthorized';
    const env = { COUNTERSIGN_TOKEN: 'a-secret' };
    const ran = await ci.runWith({ env }, 'update-lock');
    expect(ran.err).toContain(`${NAME}: `);
    expect(ran.err).toContain('give --lock trust.lock to log in there');
    expect(front.tokens).toEqual([]);
    await ci.runWith({ env }, 'update-lock', '--lock', lockOf(ci));
    expect(front.tokens).toContain('Bearer a-secret');
    await front.close();
  });

  it('names what the file does not', async () => {
    expect((await dev.run('update-lock')).err).toContain('there is no trust.lock');
    await pin();
    expect((await dev.run('update-lock', 'example.com/other')).err).toContain('does not name example.com/other');
  });
});

describe('of a Notary collection', () => {
  it('attack: a role that is left out of the snapshot for a while does not come back older', async () => {
    const ROLE = 'targets/releases';
    const notary = new NotaryRepository();
    const there = await serve(new NotaryWeb(notary));
    notary.delegate('targets', ROLE);
    notary.publish('targets', ROLE);
    const [, old] = [...notary.files].find(([name]) => name.startsWith(`${ROLE} `))!;
    notary.publish(ROLE);
    const owner = await Person.arrive({ now: () => NOW });
    await owner.ok('pin', NOTARY, '--server', there.url, FIRST_USE);
    notary.meta.delete(ROLE);
    notary.republish();
    expect(await owner.ok('update-lock')).toContain(`${ROLE} is no longer listed (its recorded version 2 stays)`);
    expect(await textOf(owner)).toContain(`"${ROLE}": 2`);
    await owner.ok('pin', NOTARY, '--server', there.url);
    expect(await textOf(owner)).toContain(`"${ROLE}": 2`);
    notary.put(ROLE, old);
    notary.republish();
    const machine = await Person.arrive({ now: () => NOW });
    const ran = await machine.run('list', NOTARY, '--lock', lockOf(owner));
    expect(ran.err).toContain(`${ROLE} version 1 is older than version 2, which is recorded`);
    expect(ran.code).toBe(4);
    await Promise.all([owner.leave(), machine.leave()]);
    await there.close();
  });

  it('the recorded root is where trust begins, and older states are refused', async () => {
    const notary = new NotaryRepository();
    const web = new NotaryWeb(notary);
    const there = await serve(web);
    const before = notary.timestamp;
    notary.publish('targets');
    const people = [await Person.arrive({ now: () => NOW }), await Person.arrive({ now: () => NOW })] as const;
    const [owner, machine] = people;
    await owner.ok('pin', NOTARY, '--server', there.url, FIRST_USE);
    expect(await machine.run('list', NOTARY, '--lock', lockOf(owner))).toMatchObject({ code: 0, err: '' });
    web.answers.set('timestamp.json', before);
    const fresh = await Person.arrive({ now: () => NOW });
    const ran = await fresh.run('list', NOTARY, '--lock', lockOf(owner));
    expect(ran.code).toBe(4);
    expect(ran.err).toContain('timestamp version');
    await Promise.all([...people, fresh].map((person) => person.leave()));
    await there.close();
  });
});

describe('--max-stale', () => {
  it.each(['60', '60s', '1m', '1h', '1d'])('%s spares the server a question', async (time) => {
    await ci.ok('list', NAME, '--server', served.url, FIRST_USE);
    sim.requests.length = 0;
    await ci.ok('list', NAME, '--max-stale', time);
    expect(sim.requests).toEqual([]);
    await ci.ok('list', NAME);
    expect(sim.requests).not.toEqual([]);
  });

  it.each(['', 'soon', '-1', '1w', '1.5h'])('%j is no time', async (time) => {
    expect((await ci.run('list', NAME, '--max-stale', time)).code).toBe(2);
  });
});
