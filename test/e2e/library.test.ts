import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import { fingerprint } from '../../packages/client/src/reading/pinning.js';
import { NO_JOBS } from '../support/by-hand.js';
import { Publisher } from '../support/publisher.js';
import { World } from '../support/world.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const GUIDE = readFileSync(join(ROOT, 'docs/library.md'), 'utf8');
const PROGRAMS = Array.from(GUIDE.matchAll(/^```js\n(?<code>.*?)^```$/gmsu), (match) => match.groups!['code']!);
const NAME = 'library/app';

let world: World;
let publisher: Publisher;
let directory: string;
beforeAll(async () => {
  world = await World.start({ server: NO_JOBS });
  publisher = await Publisher.begin(world, NAME, { 'lib/index.js': 'export default 7;\n', 'README.md': 'read me\n' });
  // Where the packages of this repository are found by name.
  mkdirSync(join(ROOT, 'node_modules/.cache'), { recursive: true });
  directory = mkdtempSync(join(ROOT, 'node_modules/.cache/library-'));
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await world.stop();
});

/** Runs a program of the guide, as it stands but for whom it asks, in the same directory as the others. */
async function run(number: number): Promise<{ stdout: string; stderr: string }> {
  const code = PROGRAMS[number]!.replaceAll('https://trust.example.com', world.url)
    .replaceAll('example.com/app', NAME)
    .replaceAll(/sha256:0{64}/gu, fingerprint(publisher.firstRoot, nodeCrypto));
  const file = join(directory, `program-${number}.mjs`);
  writeFileSync(file, code);
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [file], { cwd: directory }, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout, stderr });
      else reject(new Error(stderr, { cause: error }));
    });
  });
}

describe('docs/library.md', () => {
  it('has three programs', () => {
    expect(PROGRAMS).toHaveLength(3);
  });

  it('fetches a target in ten lines', async () => {
    await run(0);
    expect(readFileSync(join(directory, 'index.js'), 'utf8')).toBe('export default 7;\n');
    const lines = PROGRAMS[0]!.split('\n').filter((line) => line !== '');
    expect(lines.length - 2).toBeLessThanOrEqual(10);
  });

  it('lists without a request what was refreshed a moment ago', async () => {
    const { stdout, stderr } = await run(1);
    expect(stdout.split('\n').sort()).toEqual(['', 'README.md 8', 'lib/index.js 18']);
    expect(stderr).toBe('');
  });

  it('tells what went wrong and what to do', async () => {
    const { stdout } = await run(2);
    expect(stdout).toMatch(/^not-found: .+\n.+\n$/u);
  });
});
