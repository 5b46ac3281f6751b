import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../scripts/check-exports.mjs', import.meta.url));

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'exports-'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

/** What the check finds wrong with one package of these files. */
async function check(manifest: object, files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const whole = { name: '@test/one', version: '1.0.0', type: 'module', files: ['dist'], ...manifest };
  for (const [path, text] of Object.entries({ ...files, 'package.json': JSON.stringify(whole) })) {
    const file = join(root, 'packages/one', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  const script = (await import(SCRIPT)) as { check: (root: string) => Promise<readonly string[]> };
  return script.check(root);
}

const GOOD = { 'dist/index.js': 'export const one = 1;', 'dist/index.d.ts': 'export declare const one = 1;' };
const EXPORTS = { '.': { types: './dist/index.d.ts', default: './dist/index.js' } };

test('a package whose exports are all there and importable is in order', async () => {
  expect(await check({ exports: { ...EXPORTS, './package.json': './package.json' } }, GOOD)).toEqual([]);
});

test('an export whose file is not packed is named', async () => {
  const exports = { ...EXPORTS, './two': { types: './dist/two.d.ts', default: './src/two.js' } };
  expect(await check({ exports }, { ...GOOD, 'src/two.js': 'export const two = 2;', 'dist/two.d.ts': '' })).toEqual([
    '@test/one: the export ./two (default) is ./src/two.js, which is not packed',
  ]);
});

test('an export that Node cannot import, or that is empty, is named', async () => {
  expect(await check({ exports: EXPORTS }, { ...GOOD, 'dist/index.js': "import './gone.js';" })).toEqual([
    expect.stringMatching(/^@test\/one cannot be imported: .*gone\.js/u),
  ]);
  expect(await check({ exports: EXPORTS }, { ...GOOD, 'dist/index.js': '' })).toEqual([
    '@test/one cannot be imported: Error: it exports nothing',
  ]);
});

test('a module of types alone may be empty at run time', async () => {
  const files = { 'dist/index.js': 'export {};', 'dist/index.d.ts': 'export interface One {}' };
  expect(await check({ exports: EXPORTS }, files)).toEqual([]);
});

test('a command whose file is not packed is named', async () => {
  expect(await check({ exports: EXPORTS, bin: { one: 'bin/one.js' } }, GOOD)).toEqual([
    '@test/one: the command one is bin/one.js, which is not packed',
  ]);
});
