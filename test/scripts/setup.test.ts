import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const SCRIPTS = fileURLToPath(new URL('../../scripts', import.meta.url));

/** What `npm ci` does, as far as the set-up can see: leaves a compiler, and the installed lock file last. */
const NPM = `#!/usr/bin/env node
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
appendFileSync('npm.log', process.argv.slice(2).join(' ') + '\\n');
console.log('npm has much to say');
mkdirSync('node_modules/typescript/bin', { recursive: true });
writeFileSync('node_modules/typescript/bin/tsc', "require('fs').appendFileSync('tsc.log', process.argv.slice(2).join(' ') + '\\\\n');");
await new Promise((resolve) => setTimeout(resolve, 500));
if (existsSync('fail')) { console.error('the compiler is missing'); process.exit(3); }
writeFileSync('node_modules/.package-lock.json', '{}');
`;

/** What bundling does, as far as the set-up can see. */
const BUNDLE = `import { appendFileSync } from 'node:fs';
appendFileSync('bundle.log', 'bundled\\n');
`;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'setup-'));
  for (const directory of ['scripts', 'bin']) mkdirSync(at(directory));
  for (const script of ['setup.mjs', 'lock.mjs']) copyFileSync(join(SCRIPTS, script), at(`scripts/${script}`));
  writeFileSync(at('scripts/bundle.mjs'), BUNDLE);
  writeFileSync(at('package.json'), '{ "type": "module" }');
  writeFileSync(at('package-lock.json'), '{}');
  writeFileSync(at('bin/npm'), NPM);
  chmodSync(at('bin/npm'), 0o755);
  writeFileSync(at('bin/package.json'), '{ "type": "module" }');
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const at = (path: string): string => join(root, path);
const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: [at('bin'), process.env['PATH']].join(delimiter),
});
const linesOf = (path: string): readonly string[] =>
  existsSync(at(path))
    ? readFileSync(at(path), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];

function setup(...nodeOptions: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [...nodeOptions, at('scripts/setup.mjs')], {
    encoding: 'utf8',
    env: environment(),
  });
}

test('in a fresh clone it installs what the lock file names and builds, saying that a native module may compile', () => {
  const { status, stdout, stderr } = setup();
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  expect(linesOf('npm.log')).toEqual([expect.stringMatching(/^ci /u)]);
  expect(linesOf('tsc.log')).toEqual(['-b']);
  expect(linesOf('bundle.log')).toEqual(['bundled']);
  expect(stderr).toContain('better-sqlite3');
  expect(stderr).toContain('two to three minutes');
  expect(stderr).not.toContain('npm has much to say');
});

test('again, it only builds and says nothing', () => {
  setup();
  // On a slow machine it says that it builds.
  expect(setup()).toMatchObject({
    status: 0,
    stdout: '',
    stderr: expect.stringMatching(/^(?:Building…\n)?$/u) as string,
  });
  expect(linesOf('npm.log')).toHaveLength(1);
  expect(linesOf('tsc.log')).toHaveLength(2);
});

test('a newer lock file is installed', () => {
  setup();
  const later = Date.now() / 1000 + 60;
  utimesSync(at('package-lock.json'), later, later);
  expect(setup().status).toBe(0);
  expect(linesOf('npm.log')).toHaveLength(2);
});

test('without a lock file it installs what package.json names', () => {
  rmSync(at('package-lock.json'));
  expect(setup().status).toBe(0);
  expect(linesOf('npm.log')).toEqual([expect.stringMatching(/^install /u)]);
});

test('a failed installation shows why, leaves no lock, and is tried again the next time', () => {
  writeFileSync(at('fail'), '');
  const { status, stderr } = setup();
  expect(status).toBe(1);
  expect(stderr).toContain('npm has much to say\nthe compiler is missing');
  expect(stderr).toContain('npm ci failed (exit code 3).');
  expect(existsSync(at('.setup.lock'))).toBe(false);
  rmSync(at('fail'));
  expect(setup().status).toBe(0);
});

test('a failed build shows why', () => {
  setup();
  writeFileSync(at('node_modules/typescript/bin/tsc'), "console.log('a.ts(1,1): error TS1'); process.exitCode = 2;");
  const { status, stderr } = setup();
  expect(status).toBe(1);
  expect(stderr).toBe('a.ts(1,1): error TS1\n\nThe build failed (exit code 2).\n');
});

test('of several at once, one installs and the others wait for it', async () => {
  const runs = Array.from({ length: 3 }, () =>
    spawn(process.execPath, [at('scripts/setup.mjs')], { env: environment(), stdio: 'ignore' }),
  );
  const codes = await Promise.all(runs.map(async (run) => (await once(run, 'close'))[0] as number));
  expect(codes).toEqual([0, 0, 0]);
  expect(linesOf('npm.log')).toHaveLength(1);
});

test('the lock of a set-up that was killed is taken over', () => {
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  writeFileSync(at('.setup.lock'), String(pid));
  expect(setup().status).toBe(0);
  expect(existsSync(at('.setup.lock'))).toBe(false);
});

test('an old Node.js is told apart before anything is done', () => {
  const old = "data:text/javascript,Object.defineProperty(process, 'versions', { value: { node: '20.18.3' } })";
  const { status, stderr } = setup('--import', old);
  expect(status).toBe(1);
  expect(stderr).toBe('Countersign needs Node.js 20.19 or newer; this is 20.18.3. See https://nodejs.org/.\n');
  expect(linesOf('npm.log')).toEqual([]);
});
