import { beforeEach, describe, expect, it } from 'vitest';
import { clientOf, get } from '../simulator/client.js';
import { corrupt } from '../simulator/hostile.js';
import { newKey, sha256 } from '../simulator/keys.js';
import { RepositorySimulator } from '../simulator/repository.js';

let sim: RepositorySimulator;
beforeEach(() => {
  sim = new RepositorySimulator();
});

/** Publishes every role. */
function publish(): void {
  sim.publish(...sim.roles.keys());
}

async function found(path: string): Promise<string | undefined> {
  return (await clientOf(sim).find(path))?.role;
}

/** Delegated roles read for one look-up, in order. */
async function visited(path: string): Promise<string[]> {
  const updater = clientOf(sim);
  await updater.refresh();
  sim.requests.length = 0;
  await updater.find(path);
  return sim.requests.map((name) => name.replace(/^\d+\.(.*)\.json$/u, '$1'));
}

async function listed(): Promise<Record<string, string>> {
  const roles: Record<string, string> = {};
  for await (const { path, role } of clientOf(sim).list()) {
    expect(Object.hasOwn(roles, path)).toBe(false);
    roles[path] = role;
  }
  return roles;
}

describe('search for a target', () => {
  it('goes depth first, in the order of the document', async () => {
    sim.delegate('targets', 'A');
    sim.delegate('targets', 'B');
    sim.delegate('A', 'A1');
    sim.delegate('A', 'A2');
    publish();
    expect(await visited('nowhere')).toEqual(['A', 'A1', 'A2', 'B']);
  });

  it('keeps the order of roles with names like numbers', async () => {
    for (const name of ['10', '2', 'x', '1']) sim.delegate('targets', name);
    publish();
    expect(await visited('nowhere')).toEqual(['10', '2', 'x', '1']);
  });

  it('takes the first role that has the path', async () => {
    sim.delegate('targets', 'A');
    sim.delegate('targets', 'B');
    sim.addTarget('file', 'of B', 'B');
    sim.addTarget('file', 'of A', 'A');
    publish();
    expect(await found('file')).toBe('A');
    expect(await get(clientOf(sim), 'file')).toBe('of A');
    sim.addTarget('file', 'of targets');
    publish();
    expect(await found('file')).toBe('targets');
    expect(await listed()).toEqual({ file: 'targets' });
  });

  it('visits only roles that may speak for the path, at every level', async () => {
    sim.delegate('targets', 'A', { paths: ['a/*'] });
    sim.delegate('A', 'all', { paths: ['*', '*/*'] });
    sim.addTarget('b/file', 'not theirs to give', 'all');
    sim.addTarget('a/file', 'theirs', 'all');
    publish();
    expect(await visited('b/file')).toEqual([]);
    expect(await found('b/file')).toBeUndefined();
    expect(await found('a/file')).toBe('all');
    expect(await listed()).toEqual({ 'a/file': 'all' });
  });

  it('stops behind a terminating delegation, but searches below it', async () => {
    sim.delegate('targets', 'T', { terminating: true });
    sim.delegate('targets', 'later');
    sim.delegate('T', 'below');
    sim.addTarget('file', 'x', 'later');
    sim.addTarget('deep', 'x', 'below');
    publish();
    expect(await visited('file')).toEqual(['T', 'below']);
    expect(await found('file')).toBeUndefined();
    expect(await found('deep')).toBe('below');
    expect(await listed()).toEqual({ deep: 'below' });
  });

  it('drops what waits on outer levels at a terminating delegation', async () => {
    sim.delegate('targets', 'A');
    sim.delegate('targets', 'outer');
    sim.delegate('A', 'T', { terminating: true });
    sim.addTarget('file', 'x', 'outer');
    publish();
    expect(await visited('file')).toEqual(['A', 'T']);
  });

  it('is not stopped by a terminating delegation for other paths', async () => {
    sim.delegate('targets', 'T', { terminating: true, paths: ['other/*'] });
    sim.delegate('targets', 'later');
    sim.addTarget('file', 'x', 'later');
    publish();
    expect(await found('file')).toBe('later');
  });

  it('ends in a cycle', async () => {
    sim.delegate('targets', 'B');
    sim.delegate('B', 'C');
    sim.delegate('C', 'D');
    sim.targets.delegations!.roles!.forEach((role) => (role.terminating = false));
    const keyOfB = sim.signers.get('B')![0]!;
    sim.delegate('D', 'B', {}, keyOfB);
    publish();
    expect(await visited('nowhere')).toEqual(['B', 'C', 'D']);
    expect(await listed()).toEqual({});
  });

  it('reads a role of two parents once, and verifies it by each', async () => {
    sim.delegate('targets', 'A', { paths: ['a'] });
    sim.delegate('targets', 'B', { paths: ['b'] });
    const key = sim.delegate('A', 'both', { paths: ['a'] });
    sim.delegate('B', 'both', { paths: ['b'] }, key);
    sim.addTarget('a', 'x', 'both');
    sim.addTarget('b', 'x', 'both');
    publish();
    const updater = clientOf(sim);
    expect((await updater.find('a'))?.role).toBe('both');
    expect((await updater.find('b'))?.role).toBe('both');
    expect(sim.requests.filter((name) => name.includes('both'))).toHaveLength(1);
  });

  it('does not believe a role for one parent because another believes it', async () => {
    sim.delegate('targets', 'A', { paths: ['a'] });
    sim.delegate('targets', 'B', { paths: ['b'] });
    sim.delegate('B', 'both', { paths: ['b'] }, newKey());
    sim.delegate('A', 'both', { paths: ['a'] }); // its key signs
    sim.addTarget('a', 'x', 'both');
    sim.addTarget('b', 'x', 'both');
    publish();
    const updater = clientOf(sim);
    expect((await updater.find('a'))?.role).toBe('both');
    await expect(updater.find('b')).rejects.toMatchObject({ code: 'threshold' });
  });

  it('ends with an error at a role that cannot be verified; later ones are not tried', async () => {
    sim.delegate('targets', 'A');
    sim.delegate('targets', 'B');
    sim.addTarget('file', 'x', 'B');
    publish();
    corrupt.stranger(sim, sim.nameOf('A'));
    await expect(clientOf(sim).find('file')).rejects.toMatchObject({ code: 'threshold' });
    expect(sim.requests).not.toContain(sim.nameOf('B'));
    corrupt.missing(sim, sim.nameOf('A'));
    await expect(clientOf(sim).find('file')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('reads at most 32 delegated roles', async () => {
    for (let index = 0; index < 40; index += 1) sim.delegate('targets', `r${index}`);
    sim.addTarget('file', 'x', 'r31');
    sim.addTarget('far', 'x', 'r32');
    publish();
    expect(await found('file')).toBe('r31');
    expect(await found('far')).toBeUndefined();
    expect(await visited('nowhere')).toHaveLength(32);
  });

  it('uses hash prefixes of the path', async () => {
    const prefix = sha256('some/file').slice(0, 4);
    sim.delegate('targets', 'bin', { path_hash_prefixes: [prefix] });
    sim.addTarget('some/file', 'x', 'bin');
    sim.addTarget('other/file', 'x', 'bin');
    publish();
    expect(await found('some/file')).toBe('bin');
    expect(await found('other/file')).toBeUndefined();
  });

  it('finds targets in succinct bins', async () => {
    const bins = delegateToBins('targets', 3);
    const bin = (path: string): string => bins[parseInt(sha256(path).slice(0, 2), 16) >> 5]!;
    for (const path of ['one', 'two', 'three', 'four']) sim.addTarget(path, path, bin(path));
    publish();
    for (const path of ['one', 'two', 'three', 'four']) {
      expect(await found(path)).toBe(bin(path));
      expect(await get(clientOf(sim), path)).toBe(path);
    }
    expect(await found('five')).toBeUndefined();
  });

  it('ends with an error at a bin that is missing', async () => {
    sim.delegate('targets', 'binned');
    sim.delegate('targets', 'later');
    const bins = delegateToBins('binned', 1);
    sim.addTarget('file', 'x', 'later');
    publish();
    for (const bin of bins) corrupt.missing(sim, sim.nameOf(bin));
    await expect(clientOf(sim).find('file')).rejects.toMatchObject({ code: 'not-found' });
    expect(sim.requests).not.toContain(sim.nameOf('later'));
  });

  it('drops what waits on outer levels at bins', async () => {
    sim.delegate('targets', 'binned');
    sim.delegate('targets', 'later');
    const bins = delegateToBins('binned', 1);
    publish();
    const seen = await visited('nowhere');
    expect(seen).toHaveLength(2);
    expect(bins).toContain(seen[1]);
  });
});

/** Makes all of a role's paths those of bins, by one key for all of them; their names. */
function delegateToBins(parent: string, bits: number): readonly string[] {
  const key = newKey();
  const succinct = { keyids: [key.id], threshold: 1, bit_length: bits, name_prefix: 'bin' };
  const role = sim.role(parent);
  const bins = Array.from({ length: 2 ** bits }, (_, at) => `bin-${at.toString(16)}`);
  for (const bin of bins) {
    sim.roles.set(bin, { ...structuredClone(sim.targets), targets: {}, delegations: undefined as never, version: 0 });
    sim.signers.set(bin, [key]);
  }
  role.delegations = { keys: { [key.id]: key.json }, succinct_roles: succinct };
  return bins;
}

const AWKWARD_ROLES = [
  '../../etc',
  '..',
  '.',
  'a/b',
  'a%2Fb',
  'per%cent',
  'sp ace',
  'ünï',
  "it's(1)!*",
  'constructor',
  '__proto__',
  'toString',
  '?x#y',
  '1.root',
];

describe('role names', () => {
  it.each(AWKWARD_ROLES)('%j is fetched, kept and found', async (name) => {
    sim.delegate('targets', name);
    sim.addTarget('file', 'x', name);
    publish();
    expect(await found('file')).toBe(name);
  });

  it.each(['root', 'timestamp', 'snapshot', 'targets', ''])('%j cannot be delegated', async (name) => {
    const key = newKey();
    sim.targets.delegations = {
      keys: { [key.id]: key.json },
      roles: [{ name, keyids: [key.id], threshold: 1, terminating: false, paths: ['*'] }],
    };
    sim.publish('targets');
    const code = await clientOf(sim)
      .refresh()
      .then(
        () => 'accepted',
        (error: unknown) => (error as { code: string }).code,
      );
    expect(['malformed', 'invalid-name']).toContain(code);
  });

  it('one name twice in a document is refused', async () => {
    sim.delegate('targets', 'A');
    sim.delegate('targets', 'A');
    sim.publish('targets');
    await expect(clientOf(sim).refresh()).rejects.toMatchObject({ code: 'malformed' });
  });
});
