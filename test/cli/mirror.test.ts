import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientOf, get } from '../simulator/client.js';
import { addBins } from '../simulator/bins.js';
import { sha256 } from '../simulator/keys.js';
import { GUN as NOTARY, NOW } from '../simulator/notary.js';
import { NotaryRepository } from '../simulator/notary-repository.js';
import { NotaryWeb } from '../simulator/notary-web.js';
import { RepositorySimulator, START } from '../simulator/repository.js';
import { serve, type Served } from '../support/served-simulator.js';
import { serveFiles } from '../support/static-files.js';
import { Person } from './terminal.js';

const NAME = 'example.com/mirrored';
const FIRST_USE = '--trust-on-first-use';

let sim: RepositorySimulator;
let served: Served;
let person: Person;
let directory: string;

beforeEach(async () => {
  sim = new RepositorySimulator();
  sim.publishRoot();
  sim.delegate('targets', 'team/lib', { paths: ['lib/*'] });
  sim.addTarget('a.txt', 'one');
  sim.addTarget('lib/b.txt', 'two', 'team/lib');
  sim.publish('targets', 'team/lib');
  served = await serve(sim);
  person = await Person.arrive({ server: served.url, now: () => START });
  directory = person.path('mirror');
});
afterEach(async () => {
  await served.close();
  await person.leave();
});

const mirror = (...options: string[]): Promise<{ written: number; kept: number; removed: number }> =>
  person.json('mirror', NAME, directory, ...options);

async function files(): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(directory.length + 1))
    .sort();
}

describe('mirror', () => {
  it('writes the names that clients ask for, as a web server decodes them', async () => {
    expect(await person.ok('mirror', NAME, directory, FIRST_USE)).toBe(
      `${directory} mirrors ${NAME}: 8 files written, 0 there already.\nExpires  in 30 days (2030-01-31 00:00 UTC)\n`,
    );
    expect(await files()).toEqual([
      'metadata/1.root.json',
      'metadata/1.team/lib.json',
      'metadata/2.root.json',
      'metadata/2.snapshot.json',
      'metadata/2.targets.json',
      'metadata/timestamp.json',
      `targets/${sha256('one')}.a.txt`,
      `targets/lib/${sha256('two')}.b.txt`,
    ]);
  });

  it('is read by a client that has the first root', async () => {
    const bins = addBins(sim, 'team/lib', 'lib/c.txt', 'in a bin');
    sim.publish('team/lib', ...bins);
    await mirror(FIRST_USE);
    const there = await serveFiles(directory);
    const urls = { metadata: `${there.url}metadata/`, targets: `${there.url}targets/` };
    const updater = clientOf(sim, { urls, fetch: (url, init) => fetch(url, init) });
    expect(await get(updater, 'a.txt')).toBe('one');
    expect(await get(updater, 'lib/b.txt')).toBe('two');
    expect(await get(updater, 'lib/c.txt')).toBe('in a bin');
    await there.close();
  });

  it('again writes what is new, and nothing else', async () => {
    await mirror(FIRST_USE);
    const place = `${directory}/targets/${sha256('one')}.a.txt`;
    const before = await stat(place);
    expect(await mirror()).toMatchObject({ written: 0, kept: 8 });
    sim.addTarget('new.txt', 'three');
    sim.publish('targets');
    expect(await mirror()).toMatchObject({ written: 4, kept: 5 });
    expect((await stat(place)).mtimeMs).toBe(before.mtimeMs);
    expect((await stat(place)).ino).toBe(before.ino);
  });

  it('mends what was damaged there', async () => {
    await mirror(FIRST_USE);
    const damaged = [`${directory}/targets/${sha256('one')}.a.txt`, `${directory}/metadata/2.targets.json`];
    const before = await Promise.all(damaged.map((file) => readFile(file)));
    for (const file of damaged) await writeFile(file, 'garbage');
    expect(await mirror()).toMatchObject({ written: 2 });
    expect(await Promise.all(damaged.map((file) => readFile(file)))).toEqual(before);
  });

  it('removes nothing unless it is pruned; then what the current state does not need, and no root', async () => {
    await mirror(FIRST_USE);
    delete sim.targets.targets['a.txt'];
    sim.publish('targets');
    await mirror();
    expect(await files()).toContain('metadata/2.targets.json');
    expect(await mirror('--prune')).toMatchObject({ written: 0, removed: 3 });
    expect(await files()).toEqual([
      'metadata/1.root.json',
      'metadata/1.team/lib.json',
      'metadata/2.root.json',
      'metadata/3.snapshot.json',
      'metadata/3.targets.json',
      'metadata/timestamp.json',
      `targets/lib/${sha256('two')}.b.txt`,
    ]);
  });

  it('prunes nothing in a directory that was no mirror before', async () => {
    await mkdir(`${directory}/targets`, { recursive: true });
    await writeFile(`${directory}/targets/thesis.txt`, 'years of work');
    expect(await mirror(FIRST_USE, '--prune')).toMatchObject({ removed: 0 });
    expect(existsSync(`${directory}/targets/thesis.txt`)).toBe(true);
  });

  it('leaves readers the state before where a target cannot be had', async () => {
    await mirror(FIRST_USE);
    const before = await files();
    const timestamp = await readFile(`${directory}/metadata/timestamp.json`);
    sim.addTarget('new.txt', 'three');
    sim.targetFiles.set(`${sha256('three')}.new.txt`, Buffer.from('Three'));
    sim.publish('targets');
    expect((await person.run('mirror', NAME, directory)).code).toBe(4);
    expect(await files()).toEqual(before);
    expect(await readFile(`${directory}/metadata/timestamp.json`)).toEqual(timestamp);
  });

  it.each(['../../escape.txt', '/escape.txt', 'a/../../escape.txt', 'a\\..\\escape.txt'])(
    'a target called %s leads nowhere, and nothing is written',
    async (path) => {
      sim.addTarget(path, 'evil');
      sim.publish('targets');
      const ran = await person.run('mirror', NAME, directory, FIRST_USE);
      expect(ran.code).not.toBe(0);
      expect(existsSync(person.path('escape.txt'))).toBe(false);
      expect(await files()).toEqual([]);
    },
  );

  it.each(['x/../../../escape', 'x/../y', 'x//y', 'x\\..\\y'])(
    'a role called %s leads nowhere, and nothing is written',
    async (role) => {
      sim.delegate('targets', role);
      sim.publish('targets', role);
      const ran = await person.run('mirror', NAME, directory, FIRST_USE);
      expect(ran.code).toBe(4);
      expect(existsSync(person.path('escape.json'))).toBe(false);
      expect(await files()).toEqual([]);
    },
  );

  it('refuses the directory of another collection, and one with a later state', async () => {
    await mirror(FIRST_USE);
    const before = await readFile(`${directory}/metadata/timestamp.json`);
    const other = new RepositorySimulator();
    const there = await serve(other);
    const ran = await person.run('mirror', 'example.com/other', directory, '--server', there.url, FIRST_USE);
    await there.close();
    expect(ran.code).toBe(6);
    const old = new Map(sim.files);
    sim.publish('targets');
    await mirror();
    for (const [name, file] of old) sim.files.set(name, file);
    const fresh = await Person.arrive({ server: served.url, now: () => START });
    const back = await fresh.run('mirror', NAME, directory, FIRST_USE);
    await fresh.leave();
    expect(back.code).toBe(4);
    expect(back.err).toContain('timestamp version 2 is older than version 3');
    expect(await readFile(`${directory}/metadata/timestamp.json`)).not.toEqual(before);
  });

  it('warns of a collection without consistent snapshots', async () => {
    const plain = new RepositorySimulator({ consistentSnapshot: false });
    plain.addTarget('a.txt', 'one');
    plain.publish('targets');
    const there = await serve(plain);
    const ran = await person.run('mirror', NAME, directory, '--server', there.url, FIRST_USE);
    await there.close();
    expect(ran).toMatchObject({ code: 0, err: expect.stringContaining('no consistent snapshots') as string });
    expect(await files()).toContain('targets/a.txt');
  });

  it('says what it cannot do for a Notary collection', async () => {
    const there = await serve(new NotaryWeb(new NotaryRepository()));
    const reader = await Person.arrive({ server: there.url, now: () => NOW });
    const ran = await reader.run('mirror', NOTARY, directory, FIRST_USE);
    expect(ran.code).toBe(9);
    expect(ran.err).toContain('countersign bundle');
    expect(existsSync(directory)).toBe(false);
    await reader.leave();
    await there.close();
  });
});
