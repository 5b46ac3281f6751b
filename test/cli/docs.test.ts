import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { codesOf, EXIT, EXIT_MEANINGS, type ExitName } from '../../packages/client/src/cli/exit-codes.js';

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
