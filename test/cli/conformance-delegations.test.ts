import { beforeEach, describe, expect, it } from 'vitest';
import type { Delegation } from '../simulator/documents.js';
import { type Conformance, initialisedClient } from '../support/conformance-client.js';

let sim: Conformance['sim'];
let client: Conformance['client'];
beforeEach(async () => {
  ({ sim, client } = await initialisedClient());
});

/** `A>B` is a delegation for all paths; with `!` behind it a terminating one, with `?` one for Python files alone. */
function delegate(graph: string): void {
  for (const [, parent = '', name = '', mark] of graph.matchAll(/(\w+)>(\w+)([!?]?)/gu)) {
    const how: Partial<Delegation> = mark === '!' ? { terminating: true } : mark === '?' ? { paths: ['*.py'] } : {};
    sim.delegate(parent, name, how, sim.signers.get(name)?.[0]);
  }
}

function publish(): void {
  sim.publish(...sim.roles.keys());
}

/** The delegated roles that were asked for, in order. */
const visited = (): readonly (string | undefined)[] =>
  sim.requests
    .slice(4)
    .filter((name) => name.endsWith('.json'))
    .map((name) => /^1\.(.+)\.json$/u.exec(name)?.[1]);

describe('a search', () => {
  it.each([
    ['one role', 'targets>A', 'A'],
    ['two roles', 'targets>A targets>B', 'A B'],
    ['a role below the second', 'targets>A targets>B B>C', 'A B C'],
    ['two roles below the first', 'targets>A targets>B A>C A>D', 'A C D B'],
    ['three levels', 'targets>A targets>B A>C C>D', 'A C D B'],
    ['a terminating role drops what waits, on its level and above', 'targets>A targets>B A>C! A>D', 'A C'],
    ['a terminating role does not drop what is below it', 'targets>A targets>B A>C! C>D', 'A C D'],
    ['a role for other paths, and all below it', 'targets>A? targets>B A>C', 'B'],
    ['a role for other paths on the second level', 'targets>A targets>B A>C? C>D', 'A B'],
    ['a cycle', 'targets>A targets>B B>C C>D D>B', 'A B C D'],
    ['a role of two parents', 'targets>A targets>B B>C A>C', 'A C B'],
    ['a role of two parents, by one for other paths', 'targets>A targets>B B>C A>C?', 'A B C'],
  ])('%s', async (_what, graph, order) => {
    delegate(graph);
    publish();
    expect(await client.download('missing')).toBe(1);
    expect(visited().join(' ')).toBe(order);
  });
});

describe('a target of a tree of roles', () => {
  beforeEach(() => {
    sim.delegate('targets', 'A', { paths: ['*.doc', '*.md'] });
    sim.delegate('targets', 'B', { paths: ['releases/*/*'] });
    sim.delegate('B', 'C', { paths: ['releases/x/*'] });
    sim.delegate('B', 'D', { paths: ['releases/y/*.zip'] });
    sim.addTarget('file', 'by targets');
    sim.addTarget('README.md', 'by A', 'A');
    sim.addTarget('releases/x/x_v1', 'by C', 'C');
    sim.addTarget('releases/y/y_v1.zip', 'by D', 'D');
    sim.addTarget('releases/z/z_v1.zip', 'by D, who may not', 'D');
    publish();
  });

  it.each([
    ['file', '', 'by targets'],
    ['README.md', 'A', 'by A'],
    ['releases/x/x_v1', 'B C', 'by C'],
    ['releases/y/y_v1.zip', 'B D', 'by D'],
  ])('%s is found by way of [%s]', async (name, way, content) => {
    expect(await client.download(name)).toBe(0);
    expect(Object.values(client.downloaded())).toEqual([content]);
    expect(visited().join(' ')).toBe(way);
  });

  it('is not found where a role in between does not delegate its path', async () => {
    expect(await client.download('releases/z/z_v1.zip')).toBe(1);
    expect(visited()).toEqual(['B']);
    expect(client.downloaded()).toEqual({});
  });
});

it('a repository as tuf-on-ci makes it: members of its own, somebody who has not signed, paths by depth', async () => {
  const own = { 'x-tuf-on-ci-expiry-period': 7300, 'x-tuf-on-ci-signing-period': 60 };
  const missing = sim.delegate('targets', 'elsewhere', { paths: [] });
  const key = sim.delegate('targets', 'delegatedrole', {
    paths: ['delegatedrole/*', 'delegatedrole/*/*'],
    terminating: true,
  });
  sim.targets.delegations!.roles!.at(-1)!.keyids.push(missing.id);
  Object.assign(key.json, { 'x-tuf-on-ci-keyowner': '@owner' });
  for (const signed of [sim.root, sim.root.roles['snapshot']!, sim.targets, sim.role('delegatedrole')])
    Object.assign(signed, own);
  sim.signers.set('delegatedrole', [key, { ...missing, sign: () => '' }]);
  sim.addTarget('delegatedrole/artifact', 'artifact', 'delegatedrole');
  sim.publishRoot();
  publish();
  expect(await client.refresh()).toBe(0);
  expect(await client.download('delegatedrole/artifact')).toBe(0);
  expect(client.downloaded()).toEqual({ 'delegatedrole%2Fartifact': 'artifact' });
});
