import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandLine, shellWord } from '../../packages/client/src/cli/hint.js';
import { asRun } from '../../packages/client/src/cli/terminal/output.js';
import { Published } from './published.js';
import { Person } from './terminal.js';

const run = promisify(execFile);

/** What a shell makes of a command line that was pasted. */
async function pasted(line: string): Promise<string[]> {
  const { stdout } = await run('sh', ['-c', `countersign() { printf '%s\\0' "$@"; }\n${line}`]);
  return stdout.split('\0').slice(0, -1);
}

describe('a word in a printed command', () => {
  const WORDS = ['plain', 'ex.com:5000/a', 'with space', "it's", '$(rm -rf x)', '`x`', 'a;b', '*', '#x', 'é', '', '~'];

  it.each(WORDS)('%s reaches the command as it is', async (word) => {
    expect(await pasted(commandLine('list', word))).toEqual(['list', word]);
  });

  it('that is plain stays plain', () => {
    expect(shellWord('ex.com:5000/a-b_c')).toBe('ex.com:5000/a-b_c');
  });
});

describe('a command that was run through npx', () => {
  const NPX = { npm_command: 'exec' };

  it.each([
    ['  countersign add x', '  npx countersign add x'],
    [
      'See `countersign key list`, or `countersign --help`.',
      'See `npx countersign key list`, or `countersign --help`.',
    ],
    ['countersign: interrupted', 'countersign: interrupted'],
    ['the countersign command', 'the countersign command'],
  ])('is printed so: %s', (text, told) => {
    expect(asRun(text, NPX)).toBe(told);
    expect(asRun(text, {})).toBe(text);
  });

  it('says so in errors', async () => {
    const person = await Person.arrive();
    const { err } = await person.runWith({ env: NPX }, 'key', 'export', 'abc');
    expect(err).toContain('See `npx countersign key list`');
    await person.leave();
  });
});

describe('what is printed works as pasted', () => {
  /** A name that a shell would take apart. */
  const NAME = "example.com/hints/it's mine";
  let around: Published;
  let owner: Person;
  let printed: string;
  let there: string[];

  beforeAll(async () => {
    around = await Published.begin();
    there = ['--server', around.front.url, '--ca', around.ca];
    owner = await Person.arrive();
    printed = await owner.ok('init', NAME, ...there);
  });
  afterAll(async () => {
    await owner.leave();
    await around.stop();
  });

  /** The printed command that begins so, as its words. */
  async function command(text: string, begins: string): Promise<string[]> {
    const line = text.split('\n').find((candidate) => candidate.trimStart().startsWith(`countersign ${begins}`));
    return pasted(line ?? `countersign 'there is no ${begins}'`);
  }

  /** The command that `text` quotes. */
  const quoted = (text: string): Promise<string[]> => pasted(/`(countersign .*)`/u.exec(text)?.[1] ?? text);

  it('by init: adding, publishing, exporting the key, and reading by somebody without settings', async () => {
    await writeFile(owner.path('file'), 'file');
    const add = await command(printed.replace('FILE…', owner.path('file')), 'add');
    expect(add).toEqual(['add', NAME, ...there, owner.path('file')]);
    await owner.ok(...add);
    expect(await quoted(await owner.ok('status', NAME))).toEqual(['publish', NAME]);
    expect(await owner.ok(...(await command(printed, 'publish')))).toContain('Published 1 change');
    const key = await command(printed, 'key export');
    await owner.ok(...key.slice(0, -1), owner.path(key.at(-1) ?? ''));
    const reader = await Person.arrive();
    expect(await reader.ok(...(await command(printed, 'list')))).toContain('file');
    await reader.leave();
  });

  it('with the error for a collection nobody has begun', async () => {
    const { err } = await owner.run('publish', `${NAME} too`, ...there);
    expect(await quoted(err)).toEqual(['init', `${NAME} too`, ...there]);
  });

  it('by delegation request: adding it, by the delegator', async () => {
    const { publisher, name } = around;
    const request = ['delegation', 'request', name, 'bob', '-o', publisher.path('bob.json'), ...there];
    const add = await command(await publisher.ok(...request), 'delegation add');
    expect(add).toEqual(expect.arrayContaining(['--paths', 'bob/*', ...there]));
    expect(await publisher.ok(...add)).toContain('targets delegates to bob');
  });
});
