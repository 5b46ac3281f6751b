import { execFile } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { corrupt } from '../simulator/hostile.js';
import { newKey } from '../simulator/keys.js';
import { type Conformance, newClient } from '../support/conformance-client.js';

const EXECUTABLE = fileURLToPath(new URL('../../packages/client/bin/tuf-conformance-client', import.meta.url));

let sim: Conformance['sim'];
let client: Conformance['client'];
beforeEach(async () => {
  ({ sim, client } = await newClient());
});

describe('init', () => {
  it('takes the trusted root and asks nobody', async () => {
    expect(await client.init()).toBe(0);
    expect(client.trusted('root')).toEqual(new Uint8Array(sim.firstRoot));
    expect(client.versions()).toEqual({ root: 1 });
    expect(sim.requests).toEqual([]);
  });

  it.each([
    ['without a version', (root: string) => root.replace(/"version": 1,/u, '')],
    ['with a signature by nobody', (root: string) => root.replace(/"sig": "[0-9a-f]{8}/u, '"sig": "00000000')],
  ])('of a root %s: no refresh asks anything', async (_what, spoil) => {
    client.trust(spoil(Buffer.from(sim.firstRoot).toString()));
    await client.init();
    expect(await client.refresh()).toBe(1);
    expect(sim.requests).toEqual([]);
  });
});

describe('refresh', () => {
  it('asks what the specification says, and keeps it under plain names', async () => {
    await client.init();
    expect(await client.refresh()).toBe(0);
    expect(sim.requests).toEqual(['2.root.json', 'timestamp.json', '1.snapshot.json', '1.targets.json']);
    expect(client.versions()).toEqual({ root: 1, snapshot: 1, targets: 1, timestamp: 1 });
  });

  it('follows new keys and new versions', async () => {
    await client.init();
    await client.refresh();
    sim.setKeys('root', [newKey(), newKey()], 2);
    sim.publishRoot();
    sim.publish('targets');
    expect(await client.refresh()).toBe(0);
    expect(client.versions()).toEqual({ root: 2, snapshot: 2, targets: 2, timestamp: 2 });
  });

  it('fails where any part fails, says why, and keeps what was trusted before', async () => {
    await client.init();
    await client.refresh();
    sim.publish('targets');
    corrupt.stranger(sim, sim.nameOf('targets'));
    expect(await client.refresh()).toBe(1);
    expect(client.said).toMatch(/^threshold: targets/u);
    expect(client.versions()).toEqual({ root: 1, snapshot: 2, targets: 1, timestamp: 2 });
  });
});

describe('download', () => {
  beforeEach(async () => {
    for (const name of ['one', 'dir/two', 'a b']) sim.addTarget(name, `content of ${name}`);
    sim.publish('targets');
    await client.init();
  });

  it('refreshes first, then fetches in the order given', async () => {
    expect(await client.download(['dir/two', 'one'])).toBe(0);
    expect(sim.requests.slice(4).map((name) => name.replace(/[0-9a-f]{64}\./u, ''))).toEqual(['dir/two', 'one']);
    expect(client.downloaded()).toEqual({ 'dir%2Ftwo': 'content of dir/two', one: 'content of one' });
  });

  it('fetches nothing that is there and right, and anew what was changed', async () => {
    await client.download('one');
    sim.requests.length = 0;
    expect(await client.download('one')).toBe(0);
    expect(sim.requests).toEqual(['2.root.json', 'timestamp.json']);
    writeFileSync(join(client.targets, 'one'), 'something else');
    expect(await client.download('one')).toBe(0);
    expect(client.downloaded()).toEqual({ one: 'content of one' });
  });

  it('stops at the first failure', async () => {
    sim.targetFiles.clear();
    expect(await client.download(['one', 'dir/two'])).toBe(1);
    expect(sim.requests.slice(4)).toHaveLength(1);
    expect(client.downloaded()).toEqual({});
  });

  it('of what no role lists fails, the metadata refreshed all the same', async () => {
    expect(await client.download('none')).toBe(1);
    expect(sim.requests).toEqual(['2.root.json', 'timestamp.json', '2.snapshot.json', '2.targets.json']);
    expect(client.versions()).toMatchObject({ targets: 2 });
  });

  it.each(['..', '.', '../../escape', '/etc/passwd', '%2e%2e', 'x'.repeat(300), 'Ä/ö?#&'])(
    'of a target called %j stays in its directory',
    async (name) => {
      sim.addTarget(name, 'strange');
      sim.publish('targets');
      await client.download(name);
      const files = existsSync(client.targets) ? readdirSync(client.targets) : [];
      expect(files.every((file) => statSync(join(client.targets, file)).isFile())).toBe(true);
      expect(readdirSync(client.directory).sort()).toEqual(
        ['initial_root.json', 'metadata', ...(existsSync(client.targets) ? ['targets'] : [])].sort(),
      );
    },
  );

  it.each(['?', '#', '/delegatedrole', '../delegatedrole', '10', 'constructor', 'Root'])(
    'asks a role called %j under its quoted name, and keeps it beside the others',
    async (name) => {
      sim.delegate('targets', name, { paths: ['*'] });
      sim.publish('targets', name);
      expect(await client.download('nonexistent target')).toBe(1);
      expect(sim.requests.at(-1)).toBe(sim.nameOf(name));
      expect(Object.keys(client.versions())).toHaveLength(5);
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
    await client.init();
    expect(await client.run([...options, command])).toBe(1);
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
    const dir = ['--metadata-dir', client.metadata];
    expect(await execute([...dir, 'init', client.initialRoot])).toBe(0);
    expect(await execute([...dir, '--metadata-url', client.metadataUrl, 'refresh'])).toBe(0);
    sim.files.clear();
    expect(await execute([...dir, '--metadata-url', client.metadataUrl, 'refresh'])).toBe(1);
  });
});
