import { beforeEach, describe, expect, it } from 'vitest';
import { StateFiles } from '../../packages/client/src/bundle/state-files.js';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import { inspect } from '../../packages/client/src/reading/inspect.js';
import { lockEntry } from '../../packages/client/src/reading/trust-lock.js';
import type { TrustedState } from '../../packages/client/src/reading/state.js';
import type { UpdaterOptions } from '../../packages/client/src/reading/updater.js';
import { Authorities } from '../../packages/client/src/tuf/authorities.js';
import { covering } from '../../packages/client/src/tuf/delegations.js';
import type { PublicKey } from '../../packages/client/src/tuf/model.js';
import { parseTargetPath, TARGETS, type KeyId } from '../../packages/client/src/tuf/names.js';
import { addBins } from '../simulator/bins.js';
import { clientOf } from '../simulator/client.js';
import { newKey, type SimKey } from '../simulator/keys.js';
import { METADATA, RepositorySimulator } from '../simulator/repository.js';

/* What is asked of every role of a collection: lists, reports, locks, bundles. */

const READERS: readonly [string, (state: TrustedState, options: Partial<UpdaterOptions>) => Promise<unknown>][] = [
  ['a list', (_, options) => collect(clientOf(sim, options).list())],
  ['a report', (state) => inspect(state)],
  ['a lock', (state) => lockEntry(state, METADATA)],
  ['a bundle', (state) => collect(new StateFiles(state).targets())],
];

let sim: RepositorySimulator;
beforeEach(() => {
  sim = new RepositorySimulator();
});

async function collect(items: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const item of items) if (item !== undefined) count += 1;
  return count;
}

/** Targets delegates to `count` roles, each of them to all others, and each lists a target; all by one key. */
function mesh(count: number): readonly string[] {
  const names = Array.from({ length: count }, (_, index) => `r${index}`);
  const key = newKey();
  for (const parent of ['targets', ...names])
    for (const name of names) if (name !== parent) sim.delegate(parent, name, {}, key);
  for (const name of names) sim.addTarget(`of ${name}`, name, name);
  sim.publish('targets', ...names);
  return names;
}

/** A crypto that counts the signatures it checks. */
function counting(): { readonly crypto: typeof nodeCrypto; readonly checked: () => number } {
  let checked = 0;
  const verify: typeof nodeCrypto.verify = (...args) => {
    checked += 1;
    return nodeCrypto.verify(...args);
  };
  return { crypto: { ...nodeCrypto, verify }, checked: () => checked };
}

describe('roles that all delegate to one another (denial of service)', () => {
  it.each(READERS)('%s reads and verifies each once, not once for every other', async (_, read) => {
    const names = mesh(30);
    const { crypto, checked } = counting();
    const options = { crypto };
    const state = await clientOf(sim, options).state();
    const before = checked();
    sim.requests.length = 0;
    await read(state, options);
    for (const name of names) expect(sim.requests.filter((file) => file === sim.nameOf(name))).toHaveLength(1);
    // A few more are those of the top-level roles, and of a report that asks who has signed.
    expect(checked() - before).toBeLessThan(3 * names.length);
  });

  it.each(READERS)('%s ends where there are more delegations than the limit', async (_, read) => {
    mesh(5); // 5 from targets on, and 4 from each
    const within = { limits: { reachable: 25 } };
    await read(await clientOf(sim, within).state(), within);
    const beyond = { limits: { reachable: 24 } };
    const state = await clientOf(sim, beyond).state();
    await expect(read(state, beyond)).rejects.toMatchObject({ code: 'too-many', detail: { limit: 24 } });
  });

  it('does not keep anybody from looking up a target', async () => {
    mesh(5);
    expect(await clientOf(sim, { limits: { reachable: 1 } }).find('of r3')).toMatchObject({ role: 'r3' });
  });
});

describe('a delegation that names thousands of keys (denial of service)', () => {
  it.each([
    ['role', () => sim.delegate('targets', 'team', { paths: ['*'] }), ['team']],
    ['bin', () => addBins(sim, 'targets', 'file', 'content'), ['bin-0', 'bin-1']],
  ])('has them looked through once, not for every path its %s is asked for', async (_, delegate, roles) => {
    delegate();
    sim.publish('targets', ...roles);
    const { trust, loader } = await clientOf(sim).state();
    let looked = 0;
    const keys = new (class extends Map<KeyId, PublicKey> {
      override get(id: KeyId): PublicKey | undefined {
        looked += 1;
        return super.get(id);
      }
    })(trust.targets.signed.delegations!.keys);
    const delegations = { ...trust.targets.signed.delegations!, keys };
    const load = (): Promise<unknown> => {
      const [delegation] = covering(delegations, parseTargetPath('file'), nodeCrypto);
      return loader.load({ role: TARGETS, delegations }, delegation!);
    };
    const first = await load();
    expect(looked).toBeGreaterThan(0);
    looked = 0;
    expect(await load()).toBe(first);
    expect(looked).toBe(0);
  });

  it('is told from one of the same list with other keys, or another threshold', async () => {
    const authorities = new Authorities();
    const { keys, roles } = (await clientOf(sim).state()).trust.final.root.signed;
    const { targets: role, snapshot: other } = roles;
    const [key] = other.keyIds.map((id) => keys.get(id)!);
    const number = authorities.of(role, keys);
    expect(authorities.of({ ...role, keyIds: [...role.keyIds] }, new Map(keys))).toBe(number);
    expect(authorities.of(role, new Map(role.keyIds.map((id) => [id, key!])))).not.toBe(number);
    expect(authorities.of({ ...role, threshold: 2 }, keys)).not.toBe(number);
    expect(authorities.of(role, keys)).toBe(number);
  });
});

describe('a role that two others name', () => {
  let keys: SimKey[];

  /** `A` lists the first key alone, `B` as it says; the role is signed by the first. */
  function diamond(threshold: number, listedByB: SimKey[]): void {
    const [first] = keys as [SimKey];
    sim.delegate('targets', 'A');
    sim.delegate('targets', 'B');
    sim.delegate('A', 'both', {}, first);
    sim.delegate('B', 'both', { threshold, keyids: listedByB.map(({ id }) => id) }, first);
    for (const key of listedByB) sim.role('B').delegations!.keys[key.id] = key.json;
    sim.addTarget('file', 'x', 'both');
    sim.publish('targets', 'A', 'B', 'both');
  }

  beforeEach(() => {
    keys = [newKey(), newKey()];
  });

  it('is verified once where both ask for the same signatures', async () => {
    diamond(1, [keys[0]!]);
    const { crypto, checked } = counting();
    const updater = clientOf(sim, { crypto });
    await updater.refresh();
    const before = checked();
    expect(await collect(updater.list())).toBe(1);
    expect(checked() - before).toBe(3); // A, B and the one below
  });

  it.each([
    ['a higher threshold', 2, [0, 1]],
    ['another key', 1, [1]],
  ])('is not trusted for the one that asks for %s because the other does not', async (_, threshold, listed) => {
    diamond(
      threshold,
      listed.map((index) => keys[index]!),
    );
    await expect(collect(clientOf(sim).list())).rejects.toMatchObject({ code: 'threshold' });
  });
});

it('a chain of delegations of any length is followed to its end', async () => {
  const names = Array.from({ length: 300 }, (_, index) => `r${index}`);
  for (const [index, name] of names.entries()) sim.delegate(names[index - 1] ?? 'targets', name);
  sim.addTarget('file', 'x', names.at(-1));
  sim.publish('targets', ...names);
  const versions = (await lockEntry(await clientOf(sim).state(), METADATA)).versions;
  expect([...versions.keys()].slice(4)).toEqual(names);
});
