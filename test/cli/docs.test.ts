import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { codesOf, EXIT, EXIT_MEANINGS, type ExitName } from '../../packages/client/src/cli/terminal/exit-codes.js';
import { program } from '../../packages/client/src/cli/main.js';
import { Collected } from './collected.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const names = Object.keys(EXIT) as ExitName[];

describe('docs/exit-codes.md', () => {
  const text = read('docs/exit-codes.md');

  it.each(names)('says what %s means', (name) => {
    const row = text.split('\n').find((line) => new RegExp(`^\\| ${EXIT[name]} +\\|`, 'u').test(line));
    expect(row).toContain(EXIT_MEANINGS[name]);
  });

  it.each(names.filter((name) => codesOf(name).length > 0))('lists the error codes of %s', (name) => {
    const codes = codesOf(name).map((code) => `\`${code}\``);
    expect(text.split('\n')).toContain(`- ${EXIT[name]}: ${codes.join(', ')}`);
  });
});

describe('docs/cli.md', () => {
  const text = read('docs/cli.md');
  const io = { env: {}, stdin: new PassThrough(), stdout: new Collected(), stderr: new Collected() };
  const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
  const verbs = all(program(io)).filter(({ commands, parent }) => parent !== null && commands.length === 0);
  const typed = (verb: Command): string => {
    const group = verb.parent?.name();
    return group === 'countersign' ? verb.name() : `${group ?? ''} ${verb.name()}`;
  };

  it.each(verbs.map(typed))('tells of %s', (verb) => {
    expect(text).toMatch(new RegExp(`\`${verb}[ \`]`, 'u'));
  });

  it('tells of no option that there is not', () => {
    const known = new Set(verbs.flatMap((verb) => verb.options.map((option) => option.long)));
    const told = [...text.matchAll(/--[a-z][a-z0-9-]+/gu)].map(([option]) => option);
    expect(told.filter((option) => option !== '--help' && !known.has(option))).toEqual([]);
  });
});

describe('links between the documents', () => {
  const top = readdirSync(ROOT).filter((file) => file.endsWith('.md'));
  const documents = [...top, 'bench/README.md', ...readdirSync(join(ROOT, 'docs')).map((file) => `docs/${file}`)];

  it.each(documents.filter((file) => file.endsWith('.md')))('lead somewhere from %s', (file) => {
    const links = [...read(file).matchAll(/\]\(([^)#]+)[^)]*\)/gu)].map((match) => match[1]!);
    const inside = links.filter((link) => !link.startsWith('https://'));
    const broken = inside.filter((link) => !existsSync(join(ROOT, dirname(file), link)));
    expect(broken).toEqual([]);
  });
});
