import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { conformance } from '../../packages/client/src/cli/conformance.js';
import { corrupt } from '../simulator/hostile.js';
import { newKey } from '../simulator/keys.js';
import { RepositorySimulator } from '../simulator/repository.js';
import { serve, type Served } from '../support/served-simulator.js';

const EXECUTABLE = fileURLToPath(new URL('../../packages/client/bin/tuf-conformance-client', import.meta.url));

let sim: RepositorySimulator;
let served: Served;
let directory: string;
let said: string;
beforeEach(async () => {
  sim = new RepositorySimulator();
  served = await serve(sim);
  directory = mkdtempSync(join(tmpdir(), 'countersign-conformance-'));
  writeFileSync(join(directory, 'initial_root.json'), sim.firstRoot);
  said = '';
});
afterEach(async () => {
  await served.close();
  rmSync(directory, { recursive: true });
});

const metadata = (): string => join(directory, 'metadata');
const targets = (): string => join(directory, 'targets');

function run(...args: readonly string[]): Promise<number> {
  return conformance(['--metadata-dir', metadata(), ...args], { write: (text) => (said += text) });
}

const init = (): Promise<number> => run('init', join(directory, 'initial_root.json'));
const refresh = (): Promise<number> => run('--metadata-url', `${served.url}v2/r/_trust/tuf`, 'refresh');
function download(...names: readonly string[]): Promise<number> {
  const urls = [
    '--metadata-url',
    `${served.url}v2/r/_trust/tuf`,
    '--target-base-url',
    `${served.url}v2/r/_trust/targets`,
  ];
  return run(...urls, ...names.flatMap((name) => ['--target-name', name]), '--target-dir', targets(), 'download');
}

/** Trusted versions by the name of the file. */
function trusted(): Record<string, number> {
  const names = readdirSync(metadata()).filter((name) => name.endsWith('.json'));
  return Object.fromEntries(
    names.map((name) => {
      const { signed } = JSON.parse(readFileSync(join(metadata(), name), 'utf8')) as { signed: { version: number } };
      return [name, signed.version];
    }),
  );
}

describe('init', () => {
  it('takes the trusted root and asks nobody', async () => {
    expect(await init()).toBe(0);
    expect(readFileSync(join(metadata(), 'root.json'))).toEqual(Buffer.from(sim.firstRoot));
    expect(trusted()).toEqual({ 'root.json': 1 });
    expect(sim.requests).toEqual([]);
  });

  it.each([
    ['without a version', (root: string) => root.replace(/"version": 1,/u, '')],
    ['with a signature by nobody', (root: string) => root.replace(/"sig": "[0-9a-f]{8}/u, '"sig": "00000000')],
  ])('of a root %s: no refresh asks anything', async (_what, spoil) => {
    writeFileSync(join(directory, 'initial_root.json'), spoil(Buffer.from(sim.firstRoot).toString()));
    await init();
    expect(await refresh()).toBe(1);
    expect(sim.requests).toEqual([]);
  });
});

describe('refresh', () => {
  it('asks what the specification says, and keeps it under plain names', async () => {
    await init();
    expect(await refresh()).toBe(0);
    expect(sim.requests).toEqual(['2.root.json', 'timestamp.json', '1.snapshot.json', '1.targets.json']);
    expect(trusted()).toEqual({ 'root.json': 1, 'snapshot.json': 1, 'targets.json': 1, 'timestamp.json': 1 });
  });

  it('follows new keys and new versions', async () => {
    await init();
    await refresh();
    sim.setKeys('root', [newKey(), newKey()], 2);
    sim.publishRoot();
    sim.publish('targets');
    expect(await refresh()).toBe(0);
    expect(trusted()).toEqual({ 'root.json': 2, 'snapshot.json': 2, 'targets.json': 2, 'timestamp.json': 2 });
  });

  it('fails where any part fails, says why, and keeps what was trusted before', async () => {
    await init();
    await refresh();
    sim.publish('targets');
    corrupt.stranger(sim, sim.nameOf('targets'));
    expect(await refresh()).toBe(1);
    expect(said).toMatch(/^threshold: targets/u);
    expect(trusted()).toEqual({ 'root.json': 1, 'snapshot.json': 2, 'targets.json': 1, 'timestamp.json': 2 });
  });
});

describe('download', () => {
  beforeEach(async () => {
    for (const name of ['one', 'dir/two', 'a b']) sim.addTarget(name, `content of ${name}`);
    sim.publish('targets');
    await init();
  });

  it('refreshes first, then fetches in the order given', async () => {
    expect(await download('dir/two', 'one')).toBe(0);
    expect(sim.requests.slice(4).map((name) => name.replace(/[0-9a-f]{64}\./u, ''))).toEqual(['dir/two', 'one']);
    expect(readdirSync(targets()).sort()).toEqual(['dir%2Ftwo', 'one']);
    expect(readFileSync(join(targets(), 'dir%2Ftwo'), 'utf8')).toBe('content of dir/two');
  });

  it('fetches nothing that is there and right, and anew what was changed', async () => {
    await download('one');
    sim.requests.length = 0;
    expect(await download('one')).toBe(0);
    expect(sim.requests).toEqual(['2.root.json', 'timestamp.json']);
    writeFileSync(join(targets(), 'one'), 'something else');
    expect(await download('one')).toBe(0);
    expect(readFileSync(join(targets(), 'one'), 'utf8')).toBe('content of one');
  });

  it('stops at the first failure', async () => {
    sim.targetFiles.clear();
    expect(await download('one', 'dir/two')).toBe(1);
    expect(sim.requests.slice(4)).toHaveLength(1);
    expect(existsSync(targets()) ? readdirSync(targets()) : []).toEqual([]);
  });

  it('of what no role lists fails, the metadata refreshed all the same', async () => {
    expect(await download('none')).toBe(1);
    expect(trusted()).toMatchObject({ 'targets.json': 2 });
  });

  it.each(['..', '.', '../../escape', '/etc/passwd', '%2e%2e', 'x'.repeat(300), 'Ä/ö?#&'])(
    'of a target called %j stays in its directory',
    async (name) => {
      sim.addTarget(name, 'strange');
      sim.publish('targets');
      await download(name);
      const files = existsSync(targets()) ? readdirSync(targets()) : [];
      expect(files.every((file) => statSync(join(targets(), file)).isFile())).toBe(true);
      expect(readdirSync(directory).sort()).toEqual(
        ['initial_root.json', 'metadata', ...(existsSync(targets()) ? ['targets'] : [])].sort(),
      );
    },
  );

  it.each(['?', '#', '/delegatedrole', '../delegatedrole', '10', 'constructor', 'Root'])(
    'asks a role called %j under its quoted name, and keeps it beside the others',
    async (name) => {
      sim.delegate('targets', name, { paths: ['*'] });
      sim.publish('targets', name);
      expect(await download('nonexistent target')).toBe(1);
      expect(sim.requests.at(-1)).toBe(sim.nameOf(name));
      expect(Object.keys(trusted())).toHaveLength(5);
    },
  );
});

describe('wrong usage', () => {
  it.each([
    [[], 'refresh'],
    [['--metadata-url', 'ftp://example.com'], 'refresh'],
    [[], 'download'],
    [[], 'dance'],
  ])('%j %s fails with 1', async (options, command) => {
    await init();
    expect(await run(...options, command)).toBe(1);
  });
});

describe('the executable', () => {
  const execute = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> =>
    new Promise((resolve) => {
      execFile(EXECUTABLE, args, { env: { ...process.env, ...env } }, (error) =>
        resolve(error === null ? 0 : Number(error.code)),
      );
    });

  it('runs from anywhere, and its exit code is 0 or 1', async () => {
    const dir = ['--metadata-dir', metadata()];
    expect(await execute([...dir, 'init', join(directory, 'initial_root.json')])).toBe(0);
    expect(await execute([...dir, '--metadata-url', `${served.url}v2/r/_trust/tuf`, 'refresh'])).toBe(0);
    sim.files.clear();
    expect(await execute([...dir, '--metadata-url', `${served.url}v2/r/_trust/tuf`, 'refresh'])).toBe(1);
  });
});
