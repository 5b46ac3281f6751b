import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import { fingerprint } from '../../packages/client/src/reading/pinning.js';
import { NO_JOBS } from '../support/by-hand.js';
import { Publisher } from '../support/publisher.js';
import { World } from '../support/world.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NAME = 'loading/app';

let world: World;
let pin: string;
let directory: string;
beforeAll(async () => {
  world = await World.start({ server: NO_JOBS });
  const publisher = await Publisher.begin(world, NAME, { 'lib/index.js': 'export default 7;\n' });
  pin = fingerprint(publisher.firstRoot, nodeCrypto);
  // Where the packages of this repository are found by name.
  mkdirSync(join(ROOT, 'node_modules/.cache'), { recursive: true });
  directory = mkdtempSync(join(ROOT, 'node_modules/.cache/loading-'));
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await world.stop();
});

/** The files a process loads, beside the program itself, without the hashes in the names of ours. */
async function loadedBy(program: string, args: readonly string[]): Promise<readonly string[]> {
  const report = mkdtempSync(join(directory, 'report-'));
  const env = { ...process.env, NODE_V8_COVERAGE: report, COUNTERSIGN_HOME: join(report, 'home') };
  await new Promise<void>((resolve, reject) => {
    execFile(process.execPath, [program, ...args], { cwd: directory, env }, (error, _, stderr) => {
      if (error === null) resolve();
      else reject(new Error(stderr, { cause: error }));
    });
  });
  const urls = readdirSync(report)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => (JSON.parse(readFileSync(join(report, name), 'utf8')) as Coverage).result.map(({ url }) => url));
  return [...new Set(urls)]
    .filter((url) => url.startsWith('file:'))
    .map((url) => relative(ROOT, fileURLToPath(url)).replace(/-[\w-]{8}\.js$/u, '.js'))
    .filter((path) => path !== relative(ROOT, program))
    .sort();
}

interface Coverage {
  readonly result: readonly { readonly url: string }[];
}

describe('who only reads', () => {
  it('by the library loads three files of it, and no dependency', async () => {
    const program = join(directory, 'read.mjs');
    writeFileSync(
      program,
      `import { collectionUrls, Updater } from '@countersign/client';
       import { connect, DirectoryCache, intoFile, nodeCrypto } from '@countersign/client/node';
       const { fetch, close } = connect();
       const updater = new Updater({
         urls: collectionUrls('${world.url}', '${NAME}'),
         crypto: nodeCrypto,
         cache: new DirectoryCache('trusted'),
         firstTrust: { kind: 'fingerprint', fingerprint: '${pin}' },
         fetch,
       });
       await updater.download(await updater.find('lib/index.js'), intoFile('index.js'));
       await close();`,
    );
    expect(await loadedBy(program, [])).toEqual([
      'packages/client/lib/chunks/shared.js',
      'packages/client/lib/index.js',
      'packages/client/lib/node.js',
    ]);
    expect(readFileSync(join(directory, 'index.js'), 'utf8')).toBe('export default 7;\n');
  });

  it.each([
    ['list', []],
    ['get', ['lib/index.js', '-o', 'fetched.js']],
  ])('by the command %s loads one file of it, and of its dependencies what reads options', async (verb, rest) => {
    const program = join(ROOT, 'packages/client/bin/countersign.js');
    const loaded = await loadedBy(program, [verb, NAME, ...rest, '--server', world.url, '--root-fingerprint', pin]);
    expect(loaded.filter((path) => !path.startsWith('node_modules/commander/'))).toEqual([
      'packages/client/lib/cli/run.js',
    ]);
  });
});
