import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { RepositorySimulator } from '../simulator/repository.js';
import { type Conformance, initialisedClient } from '../support/conformance-client.js';

let sim: Conformance['sim'];
let client: Conformance['client'];
beforeEach(async () => {
  ({ sim, client } = await initialisedClient());
});

/** What is served under both names of a target, whatever is listed. */
function serveInstead(path: string, content: string): void {
  for (const name of sim.targetFiles.keys())
    if (name === path || name.endsWith(`.${path}`)) sim.targetFiles.set(name, Buffer.from(content));
}

describe('a target', () => {
  it.each(['file.txt', 'path/to/a/file.txt'])('%s comes when it is asked for, not by a refresh', async (path) => {
    sim.addTarget(path, 'content');
    sim.publish('targets');
    expect(await client.refresh()).toBe(0);
    expect(client.downloaded()).toEqual({});
    expect(await client.download(path)).toBe(0);
    expect(client.downloaded()).toEqual({ [encodeURIComponent(path)]: 'content' });
  });

  it('that was put in the place of another is not stored, whether the other is there or not', async () => {
    for (const path of ['here', 'not here']) sim.addTarget(path, `content of ${path}`);
    sim.publish('targets');
    await client.download('here');
    for (const path of ['here', 'not here']) serveInstead(path, 'malicious data');
    expect(await client.download('here')).toBe(0);
    expect(await client.download('not here')).toBe(1);
    expect(client.downloaded()).toEqual({ here: 'content of here' });
  });

  it('keeps its name while its content changes, also where versions in between were never seen', async () => {
    const expected: Record<string, string> = {};
    for (const change of [1, 2, 3, 4, 5, 6]) {
      sim.addTarget('file', `content ${change}`);
      sim.addTarget(`new ${change}`, `new content ${change}`);
      sim.publish('targets');
      if (change % 2 === 0) continue;
      Object.assign(expected, { file: `content ${change}`, [`new%20${change}`]: `new content ${change}` });
      expect(await client.download(['file', `new ${change}`])).toBe(0);
      expect(client.downloaded()).toEqual(expected);
      serveInstead('file', 'malicious data');
      sim.publish('targets');
      await client.download('file');
      expect(client.downloaded()).toEqual(expected);
    }
  });
});

describe('the hashes of a target', () => {
  const digest = (algorithm: string): string => createHash(algorithm).update('content').digest('hex');

  it.each([[['sha256']], [['sha512']], [['sha256', 'sha512']]])(
    '%j: asked for once, under one of them',
    async (all) => {
      sim.addTarget('file', 'content');
      const hashes = Object.fromEntries(all.map((algorithm) => [algorithm, digest(algorithm)]));
      sim.targets.targets['file']!.hashes = hashes;
      for (const hash of Object.values(hashes)) sim.targetFiles.set(`${hash}.file`, Buffer.from('content'));
      sim.publish('targets');
      expect(await client.download('file')).toBe(0);
      const asked = sim.requests.slice(4);
      expect(asked).toHaveLength(1);
      expect(Object.values(hashes).map((hash) => `${hash}.file`)).toContain(asked[0]);
      expect(client.downloaded()).toEqual({ file: 'content' });
    },
  );

  it('of an algorithm nobody knows alone: nothing is stored', async () => {
    sim.addTarget('file', 'content');
    sim.targets.targets['file']!.hashes = { 'unknown-hash': digest('sha512') };
    sim.targetFiles.set(`${digest('sha512')}.file`, Buffer.from('content'));
    sim.publish('targets');
    expect(await client.download('file')).toBe(1);
    expect(client.downloaded()).toEqual({});
  });
});

it('without consistent snapshots all but roots is asked for under plain names', async () => {
  ({ sim, client } = await initialisedClient(new RepositorySimulator({ consistentSnapshot: false })));
  sim.delegate('targets', 'role', { paths: ['d/*'] });
  sim.addTarget('d/file', 'content', 'role');
  sim.publish('role', 'targets');
  expect(await client.download('d/file')).toBe(0);
  expect(sim.requests).toEqual([
    '2.root.json',
    'timestamp.json',
    'snapshot.json',
    'targets.json',
    'role.json',
    'd/file',
  ]);
});
