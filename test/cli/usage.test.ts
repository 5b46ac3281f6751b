import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { similar } from '../../packages/client/src/similar.js';
import { Published } from './published.js';
import type { Person } from './terminal.js';

let around: Published;
let person: Person;

beforeAll(async () => {
  around = await Published.begin();
  person = around.publisher;
});
afterAll(() => around.stop());

describe('what is typed wrongly is told in two lines and how it is typed rightly', () => {
  it.each([
    ['ad', "unknown command 'ad'; did you mean add?", 'countersign [options] [command]'],
    ['delegation ad', "unknown command 'ad'; did you mean add?", 'countersign delegation [options] [command]'],
    ['add', "missing required argument 'name'", 'countersign add [options] <name> <file...>'],
    ['get x --al', "unknown option '--al'; did you mean --all?", 'countersign get [options] <name> [target]'],
    ['list a b', "too many arguments for 'list'", 'countersign list [options] <name>'],
    ['rotate a rot', "'rot' is no role. Allowed choices are root", 'countersign rotate [options] <name> <role>'],
    ['delegation request a b', "required option '-o, --output <file>'", 'countersign delegation request [options]'],
    ['init a --expires x', "argument 'x' is invalid. Give a number of days", 'countersign init [options] <name>'],
    ['list a --root b --trust-on-first-use', 'cannot be used with option', 'countersign list [options] <name>'],
  ])('%s', async (typed, told, usage) => {
    const { code, out, err } = await person.run(...typed.split(' '));
    expect({ code, out }).toEqual({ code: 2, out: '' });
    const [what, how, help] = err.split('\n');
    expect(what).toContain(`countersign: `);
    expect(what).toContain(told);
    expect(how).toContain(`  Usage: ${usage}`);
    expect(help).toMatch(/^ {2}→ `countersign.* --help` explains it\.$/u);
  });

  it('no verb at all is answered with the list of verbs, as an error', async () => {
    const { code, out, err } = await person.run();
    expect({ code, out }).toEqual({ code: 2, out: '' });
    for (const heading of ['Publishing:', 'Delegating:', 'Reading:', 'Keys:']) expect(err).toContain(`\n${heading}\n`);
    expect(Math.max(...err.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it.each([['help'], ['--help']])('%s is no error', async (typed) => {
    const { code, out, err } = await person.run(typed);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('Usage: countersign');
  });
});

describe('a name with a typo is answered with the one that was meant', () => {
  it.each([
    ['a collection', 'list example.com/optoins', 'Did you mean example.com/options?', 4],
    ['a collection to publish', 'publish example.com/option', 'Did you mean example.com/options?', 3],
    ['a target', 'get NAME lib/a.tx', 'Did you mean lib/a.txt?', 3],
    ['a target to check', 'verify NAME lib/a.tx /dev/null', 'Did you mean lib/a.txt?', 3],
    ['a target to remove', 'remove NAME lib/b.txt', 'Did you mean lib/a.txt?', 3],
    ['a role', 'delegation remove NAME bbo', 'Did you mean bob?', 3],
  ])('%s: %s', async (_, typed, told, code) => {
    if (typed.includes('bbo')) await around.delegate('bob');
    const ran = await person.run(...typed.replace('NAME', around.name).split(' '));
    expect(ran).toMatchObject({ code, out: '' });
    expect(ran.err).toContain(told);
  });

  it('status of a collection nobody knows says so', async () => {
    const ran = await person.run('status', 'example.com/optoins');
    expect(ran).toMatchObject({ code: 3, out: '' });
    expect(ran.err).toContain('nothing is known of example.com/optoins here');
    expect(ran.err).toContain('Did you mean example.com/options?');
    const other = await person.run('status', 'elsewhere.org/thing', '--json');
    expect(other).toMatchObject({ code: 3, out: '' });
    expect(other.err).toContain('`countersign init elsewhere.org/thing`');
  });

  it.each(['add NAME FILE', 'remove NAME x', 'publish NAME', 'rotate NAME root', 'delegation remove NAME x'])(
    '%s of a collection nobody has begun ends with 3',
    async (typed) => {
      const argv = typed.replace('NAME', 'example.com/optoins').replace('FILE', person.path('lib', 'a.txt'));
      const ran = await person.run(...argv.split(' '));
      expect(ran).toMatchObject({ code: 3, out: '' });
      expect(ran.err).toContain('nothing is known of example.com/optoins here');
    },
  );

  it('a collection that the server does not have is named with the server', async () => {
    const { world } = around;
    const pin = ['--root-fingerprint', '0'.repeat(64)];
    for (const trust of [['--trust-on-first-use'], pin]) {
      const ran = await person.run('list', 'example.com/optoins', ...trust);
      expect(ran).toMatchObject({ code: 3, out: '' });
      expect(ran.err).toContain(`there is no collection example.com/optoins at ${world.url}`);
    }
  });

  it.each([
    ['abc', ['xyz'], undefined],
    ['lib/a.txt', ['lib/a.txt'], undefined],
    ['a', ['b'], 'b'],
    ['wrold', ['word', 'world'], 'world'],
    ['short', ['a much longer name'], undefined],
  ])('%s is near to %j: %s', (word, candidates, found) => {
    expect(similar(word, candidates)).toBe(found);
  });
});

describe('a place that cannot be is told in words', () => {
  it('for what is fetched, exported or asked for', async () => {
    const { name } = around;
    await writeFile(person.path('file'), '');
    const below = person.path('file', 'below');
    for (const argv of [
      ['get', name, 'lib/a.txt', '-o', below],
      ['key', 'export', around.rootKey, '-o', below],
      ['delegation', 'request', name, 'x', '-o', below],
    ]) {
      const ran = await person.run(...argv);
      expect(ran).toMatchObject({ code: 2, out: '' });
      expect(ran.err).toContain(`countersign: ${below} cannot be written: a part of its path is a file`);
    }
  });

  it('for what is added: no device', async () => {
    const ran = await person.run('add', around.name, '/dev/null');
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain('/dev/null is neither a file nor a directory');
  });

  it('for a request that is a directory', async () => {
    const ran = await person.run('delegation', 'add', around.name, 'x', '--request', person.directory);
    expect(ran).toMatchObject({ code: 3, out: '' });
    expect(ran.err).toContain('cannot be read');
  });
});
