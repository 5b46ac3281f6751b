import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { START, RepositorySimulator } from '../simulator/repository.js';
import { serve, type Served } from '../support/served-simulator.js';
import { Person } from './terminal.js';

const NAME = 'example.com/hostile';

/** Names that would lead out of a directory, or drive the terminal of whoever reads them. */
const TRAVERSAL = ['../x', '/x', 'a/../../x', '..', 'a/..', '..\\x', 'C:\\x', './x', 'a//x', 'a/'];
const ESCAPES = [
  'x\u001b[2J\u001b]0;title\u0007',
  'x\r\ncountersign: verified',
  'x\nTARGET  SIZE',
  'x\u009b2J',
  'x\u007f\u0008',
];
const FORGERIES = ['x\u202egpj.exe', 'x\u2028y'];
/** Anything but printable characters and the line breaks of our own layout. */
const DIRTY = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/u;

const FIRST_USE = /^trusted on first use: the root sha256:[0-9a-f]{64};.*\n/u;

let sim: RepositorySimulator;
let served: Served;
let person: Person;

beforeEach(async () => {
  sim = new RepositorySimulator();
  served = await serve(sim);
  person = await Person.arrive({ server: served.url, now: () => START });
  await mkdir(person.path('work', 'in', 'out'), { recursive: true });
});
afterEach(async () => {
  await served.close();
  await person.leave();
});

function list(...names: string[]): void {
  for (const name of names) sim.addTarget(name, 'evil');
  sim.publish('targets');
}

const get = (...argv: string[]): ReturnType<Person['run']> => person.run('get', NAME, '--trust-on-first-use', ...argv);

/** Every file and directory of the person's but the home. */
async function lying(): Promise<string[]> {
  const names = await readdir(person.directory, { recursive: true });
  return names.filter((name) => !name.startsWith('home')).sort();
}

/** A `get` without `-o` puts the file into the current directory. */
async function within<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const spy = vi.spyOn(process, 'cwd').mockReturnValue(directory);
  try {
    return await work();
  } finally {
    spy.mockRestore();
  }
}

describe('get --all of a repository that lists', () => {
  it.each([...TRAVERSAL, ...ESCAPES].map((name) => [JSON.stringify(name), name]))(
    '%s writes nothing anywhere, and says why',
    async (_, name) => {
      list('good', name);
      const before = await lying();
      const { code, out, err } = await get('--all', '-o', person.path('work', 'in', 'out'));
      expect({ code, out }).toEqual({ code: 4, out: '' });
      expect(err).toMatch(FIRST_USE);
      expect(err).toContain('which is no name for a file here');
      expect(err).not.toMatch(DIRTY);
      expect(err.split('\n')).toHaveLength(4);
      expect(await lying()).toEqual(before);
    },
  );

  it('a file where another needs a directory puts neither outside, and says which', async () => {
    list('a', 'a/b');
    const { code, err } = await get('--all', '-o', person.path('work'));
    expect(code).toBe(2);
    expect(err).toMatch(/cannot be written: (?:a part of its path is a file|it is a directory)/u);
    expect(err).not.toContain('.part');
  });
});

describe('get without -o of', () => {
  it.each(TRAVERSAL.map((name) => [name]))('%s writes nothing anywhere', async (name) => {
    list(name);
    const before = await lying();
    const ran = await within(person.path('work', 'in'), () => get(name));
    expect(ran).toMatchObject({ code: 4, out: '' });
    expect(await lying()).toEqual(before);
  });

  it('a name with directories makes one file, here', async () => {
    list('a/b/c.txt');
    const ran = await within(person.path('work', 'in'), () => get('a/b/c.txt'));
    expect(ran.code).toBe(0);
    expect(await lying()).toContain('work/in/c.txt');
  });

  it('a name into a directory named by -o makes one file there', async () => {
    list('a/b/c.txt');
    expect((await get('a/b/c.txt', '-o', person.path('work'))).code).toBe(0);
    expect((await get('a/b/c.txt', '-o', `${person.path('new')}/`)).code).toBe(2);
    await mkdir(person.path('new'));
    expect((await get('a/b/c.txt', '-o', `${person.path('new')}/`)).code).toBe(0);
    expect(await lying()).toEqual(['new', 'new/c.txt', 'work', 'work/c.txt', 'work/in', 'work/in/out']);
  });
});

describe('get --all into a directory', () => {
  it.each([
    ['that exists', 'in'],
    ['that does not exist', 'nowhere'],
  ])('in which a link leads out, to one %s, writes nothing', async (_, target) => {
    list('good', 'lib/x', 'lib/deep/y');
    await symlink(person.path('work', target), person.path('work', 'in', 'out', 'lib'));
    const before = await lying();
    const ran = await get('--all', '-o', person.path('work', 'in', 'out'));
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain('through a link that leads out of');
    expect(await lying()).toEqual(before);
  });

  it('in which a link stands where a file is to go replaces the link, not what it leads to', async () => {
    list('x');
    await writeFile(person.path('work', 'precious'), 'precious');
    await symlink(person.path('work', 'precious'), person.path('work', 'in', 'out', 'x'));
    const argv = ['--all', '-o', person.path('work', 'in', 'out')];
    expect(await get(...argv)).toMatchObject({ code: 2, out: '' });
    expect((await get(...argv, '--force')).code).toBe(0);
    expect(await readFile(person.path('work', 'precious'), 'utf8')).toBe('precious');
    expect(await readFile(person.path('work', 'in', 'out', 'x'), 'utf8')).toBe('evil');
  });

  it('that is a link itself, or holds one that stays inside, goes on', async () => {
    list('lib/x');
    await mkdir(person.path('work', 'in', 'out', 'real'));
    await symlink('real', person.path('work', 'in', 'out', 'lib'));
    await symlink(person.path('work', 'in', 'out'), person.path('work', 'link'));
    expect((await get('--all', '-o', person.path('work', 'link'))).code).toBe(0);
    expect(await readdir(person.path('work', 'in', 'out', 'real'))).toEqual(['x']);
  });
});

describe('names and roles that would drive a terminal', () => {
  const verbs = [['list'], ['list', '--json'], ['inspect'], ['inspect', '--json'], ['delegation', 'list']];

  it.each(verbs.map((argv) => [argv.join(' '), argv]))('do not reach it from %s', async (_, argv) => {
    for (const name of [...ESCAPES, ...FORGERIES]) {
      sim.delegate('targets', `role ${name}`, { paths: ['*'] });
      sim.addTarget(name, 'evil', `role ${name}`);
      sim.publish(`role ${name}`);
    }
    sim.publish('targets');
    const { code, out, err } = await person.run(...argv, NAME, '--trust-on-first-use');
    expect({ code, err }).toEqual({ code: 0, err: expect.stringMatching(FIRST_USE) as unknown });
    expect(err.split('\n')).toHaveLength(2);
    expect(out).toContain('role x');
    expect(out).not.toMatch(DIRTY);
    expect(out.split('\n').filter((line) => line.startsWith('TARGET  SIZE'))).toHaveLength(0);
    if (argv.includes('--json'))
      expect(JSON.stringify(JSON.parse(out))).toContain(JSON.stringify(ESCAPES[0]).slice(1, -1));
  });

  it('do not reach it from get --json', async () => {
    list(...FORGERIES);
    const { out } = await get('--all', '--json', '-o', person.path('work'));
    expect(out).toContain('gpj.exe');
    expect(out).not.toMatch(DIRTY);
  });
});
