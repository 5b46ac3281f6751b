import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BETWEEN_TITLES, testNames } from './support/test-names.js';

/* docs/requirements.md and docs/conformance.md: no row without a test, no test that is not there. */

const at = (path: string): URL => new URL(`../../${path}`, import.meta.url);
/** The rows of every table of a document but their heads, as cells. */
function rowsOf(document: string): string[][] {
  return readFileSync(at(document), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (?:id|attack|file) \|/u.test(line))
    .map((line) => line.slice(2, -2).split(' | '));
}

const rows = rowsOf('docs/requirements.md');
const conformance = rowsOf('docs/conformance.md');
const requirements = rows.filter((row) => row.length === 4);
const attacks = rows.filter((row) => row.length === 3);

const to = (group: string, last: number, first = 1): readonly string[] =>
  Array.from({ length: last + 1 - first }, (_, index) => `${group}${first + index}`);

/** Every requirement there is; one may be reworded, none left out. */
const IDS = [
  ...to('W0.', 7),
  ...to('W1.', 3),
  ...to('W2.', 9),
  ...to('W3.', 7),
  ...to('W4.', 6),
  ...to('W5.', 4),
  ...to('W6.', 9),
  ...to('W7.', 7),
  ...to('W8.', 7),
  ...to('S', 10),
  ...to('K', 10),
  ...to('C', 8),
  ...to('T15.', 5),
  ...to('E', 12),
];

/** The files of the public conformance suite that hold tests. */
const SUITE = [
  'basic',
  'expiration',
  'delegated_expiration',
  'file_download',
  'keys',
  'quoting_issues',
  'rollback',
  'static_repositories',
  'updater_delegation_graphs',
  'updater_key_rotations',
];

const names = new Map<string, ReadonlySet<string>>();
function namesIn(file: string): ReadonlySet<string> {
  const known = names.get(file) ?? testNames(readFileSync(at(file), 'utf8'));
  names.set(file, known);
  return known;
}

describe('the table of requirements', () => {
  it('has a row for each, and no other', () => {
    expect(requirements.map(([id]) => id)).toEqual(IDS);
  });

  it('has no empty cell', () => {
    expect(rows.filter((row) => row.length < 3 || row.some((cell) => cell.trim() === ''))).toEqual([]);
    expect(attacks.length).toBeGreaterThanOrEqual(35);
  });
});

describe('the table of the conformance suite', () => {
  it('has a row at least for each file of it, and no empty cell', () => {
    expect([...new Set(conformance.map(([file]) => file))]).toEqual(SUITE.map((name) => `\`test_${name}.py\``));
    expect(conformance.filter((row) => row.length !== 3 || row.some((cell) => cell.trim() === ''))).toEqual([]);
  });
});

it.each([...rows, ...conformance].map((row) => [row.slice(0, -1).join(': '), row.at(-1)!]))(
  '%s: its tests are there',
  (_what, cell) => {
    for (const test of cell.split('<br>')) {
      const [file = '', ...titles] = test.replace(/^`|`$/gu, '').split(BETWEEN_TITLES);
      expect(existsSync(at(file)), `${file}: no such file`).toBe(true);
      expect(namesIn(file)).toContain(titles.join(BETWEEN_TITLES));
    }
  },
);

describe('test names', () => {
  it('are read with the suites around them, tables and all, and nothing else', () => {
    const source = `
      describe('a', () => { it('b', f); it.each([1])('c %i', f); describe.each(x)('d', () => { test("e", f) }) });
      it.skipIf(x)(\`f\`, f); it.fails('g', f); expect('h', f); it(name, f);`;
    expect([...testNames(source)]).toEqual(['a > b', 'a > c %i', 'a > d > e', 'f', 'g']);
  });
});
