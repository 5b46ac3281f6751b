import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../scripts/check-imports.mjs', import.meta.url));

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'imports-'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

/** What the check finds wrong in a tree of these files. */
async function check(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  write(files);
  const script = (await import(SCRIPT)) as { check: (root: string) => readonly string[] };
  return script.check(root);
}

const client = 'packages/client/src';
const server = 'packages/server/src';
const signer = 'packages/signer/src';

describe('a forbidden import is named with file, line and rule', () => {
  test.each<[file: string, text: string, rule: string]>([
    [`${client}/tuf/verify.ts`, "import { x } from 'node:crypto';", 'tuf imports nothing outside itself'],
    [`${client}/tuf/verify.ts`, "import type { X } from '../http/wire.js';", 'tuf imports nothing outside itself'],
    [
      `${client}/tuf/verify.ts`,
      "import { tuf1 } from './formats/tuf1.js';",
      'imported by formats/index and tests alone',
    ],
    [`${client}/tuf/formats/notary1.ts`, "import { x } from './tuf1-keys.js';", 'one format does not know the other'],
    [`${client}/reading/updater.ts`, "export * from '../node/cache.js';", 'for the web platform'],
    [`${client}/reading/updater.ts`, "const fs = await import('node:fs');", 'for the web platform'],
    [`${client}/reading/updater.ts`, "export * from '../browser/index.js';", 'for the web platform'],
    [`${client}/http/fetch.ts`, "import { x } from '../reading/updater.js';", 'imports no folder above it'],
    [`${client}/publishing/draft.ts`, "import { x } from '../index.js';", 'imports no folder above it'],
    [`${client}/browser/cache.ts`, "import { x } from '../node/crypto.js';", 'for pages and workers'],
    [`${client}/browser/cache.ts`, "import { x } from 'node:crypto';", 'for pages and workers'],
    [`${client}/node/files.ts`, "import { x } from '../cli/print.js';", 'does not import the command'],
    [`${client}/cli/init.ts`, "import { x } from '@countersign/signer/wire';", 'the library only'],
    [`${server}/collection/publish.ts`, "import { x } from '@countersign/client/wire';", 'collection imports only'],
    [`${server}/collection/publish.ts`, "import { x } from '../store/store.js';", 'collection imports only'],
    [`${server}/collection/publish.ts`, "import { x } from 'node:crypto';", 'collection imports only'],
    [
      `${server}/store/store.ts`,
      "import { x } from '@countersign/client/tuf/proposal';",
      'for server/src/collection alone',
    ],
    [`${server}/store/store.ts`, "import { x } from '../http/routes.js';", 'never http or signer'],
    [`${server}/http/metadata.ts`, "import type { X } from '../store/store.js';", 'never store or signer'],
    [`${server}/http/metadata.ts`, "import { x } from '../signer.js';", 'never store or signer'],
    [`${server}/signer.ts`, "import { x } from '../src/http/routes.js';", 'never http or store'],
    [`${server}/signer.ts`, "import { x } from '@countersign/signer/wire';", 'as types only'],
    [`${server}/local/launcher.ts`, "import { x } from '../store/connect.js';", 'imports none of its parts'],
    [`${server}/main.ts`, "import { x } from './local/launcher.js';", 'nothing but the launcher'],
    [`${signer}/policy.ts`, "import { x } from '@countersign/client';", 'the signer imports only'],
    [`${signer}/policy.ts`, "import { x } from '@countersign/server/thing';", 'the signer imports only'],
    [`${signer}/policy.ts`, "import Koa from 'koa';", 'koa only in'],
    [`${server}/store/store.ts`, "import type Koa from 'koa';", 'koa only in'],
    [`${server}/main.ts`, "import knex from 'knex';", 'knex only in'],
    [
      'migrations/server/001.js',
      "import { x } from '../../packages/server/dist/main.js';",
      'migrations import nothing of ours',
    ],
  ])('%s: %s', async (file, text, rule) => {
    const problems = await check({ [file]: `// first line\n${text}\n` });
    expect(problems).toContainEqual(expect.stringContaining(rule));
    expect(problems[0]).toContain(`${file}:2: imports`);
  });
});

test('what the rules allow passes', async () => {
  const problems = await check({
    [`${client}/tuf/formats/index.ts`]: "import { tuf1 } from './tuf1.js';\n",
    [`${client}/tuf/formats/tuf1.ts`]: "import { x } from '../json.js';\n",
    [`${client}/cli/init.ts`]: "import { x } from '../node/cache.js';\nconsole.log(process.argv);\n",
    [`${server}/collection/publish.ts`]: "import { x } from '@countersign/client/tuf/proposal';\n",
    [`${server}/app.ts`]:
      "import Koa from 'koa';\nimport { routes } from './http/routes.js';\nimport { x } from './store/store.js';\n",
    [`${server}/signer.ts`]: "import type { SignRequest } from '@countersign/signer/wire';\n",
    [`${server}/main.ts`]: "import process from 'node:process';\n",
    [`${signer}/store.ts`]: "import knex from 'knex';\n",
    'migrations/server/001.js': "import { randomUUID } from 'node:crypto';\n",
  });
  expect(problems).toEqual([]);
});

test('a cycle is shown file by file, through type imports too', async () => {
  const problems = await check({
    [`${signer}/a.ts`]: "import { b } from './b.js';\n",
    [`${signer}/b.ts`]: "import type { C } from './c.js';\n",
    [`${signer}/c.ts`]: "export * from './a.js';\n",
  });
  expect(problems).toEqual([`import cycle: ${signer}/a.ts -> ${signer}/b.ts -> ${signer}/c.ts -> ${signer}/a.ts`]);
});

test('process is refused below main, as a global and as a module, but not as the name of a member', async () => {
  const problems = await check({
    [`${signer}/policy.ts`]: 'export const home = process.env;\n',
    [`${signer}/keys.ts`]: "import { env } from 'node:process';\n",
    [`${signer}/serial.ts`]: 'export interface Job { process: () => void }\nqueue.process({ process: 1 });\n',
  });
  expect(problems.toSorted()).toEqual([
    `${signer}/keys.ts:1: uses process, but process only in main, cli, local and bin`,
    `${signer}/policy.ts:1: uses process, but process only in main, cli, local and bin`,
  ]);
});

test('a file of more than 300 lines fails', async () => {
  const problems = await check({
    [`${signer}/long.ts`]: '//\n'.repeat(301),
    [`${signer}/fits.ts`]: '//\n'.repeat(300),
  });
  expect(problems).toEqual([`${signer}/long.ts: 301 lines, more than 300: split it by subject`]);
});

test.each([
  { tree: 'a broken', text: "import Koa from 'koa';\n", status: 1, last: 'imports: 1 problem(s)\n' },
  { tree: 'a sound', text: "import { x } from 'node:crypto';\n", status: 0, last: 'imports: all rules kept\n' },
])('as a command, $tree tree ends with status $status', ({ text, status, last }) => {
  write({ [`${signer}/keys.ts`]: text });
  const run = spawnSync(process.execPath, [SCRIPT, root], { encoding: 'utf8' });
  expect({ status: run.status, stdout: run.stdout }).toEqual({ status, stdout: last });
});
