import { beforeEach, describe, expect, it } from 'vitest';
import { newKey, type SimKey } from '../simulator/keys.js';
import { type Conformance, newClient } from '../support/conformance-client.js';

/** Who may sign for a role, how many must, and who does: keys by number. */
interface Signing {
  readonly keys: readonly number[];
  readonly threshold: number;
  readonly by: readonly number[];
}

const signing = (threshold: number, keys: readonly number[], by: readonly number[]): Signing => ({
  threshold,
  keys,
  by,
});
const RING: readonly SimKey[] = Array.from({ length: 10 }, () => newKey());
const ring = (numbers: readonly number[]): SimKey[] => numbers.map((number) => RING[number]!);
const FIVE = [0, 1, 2, 3, 4];
const ONE_OTHER = [0, 1, 3, 4, 5];
const ALL_OTHER = [5, 6, 7, 8, 9];

let sim: Conformance['sim'];
let client: Conformance['client'];
beforeEach(async () => {
  ({ sim, client } = await newClient());
});

describe('roots in a row', () => {
  async function refreshOver(roots: readonly Signing[]): Promise<number> {
    for (const [index, { keys, threshold, by }] of roots.entries()) {
      sim.setKeys('root', ring(keys), threshold);
      sim.root.version = index + 1;
      sim.files.set(`${index + 1}.root.json`, sim.sign(sim.root, ring(by)));
    }
    client.trust(sim.file('1.root.json'));
    await client.init();
    return client.refresh();
  }
  const served = (version: number): Uint8Array => new Uint8Array(sim.file(`${version}.root.json`));

  it.each<[string, readonly Signing[]]>([
    ['another key', [signing(1, [1], [1]), signing(1, [2], [2, 1]), signing(1, [2], [2])]],
    [
      'another key, among signatures of strangers',
      [signing(1, [1], [3, 1, 4]), signing(1, [2], [3, 2, 1, 4]), signing(1, [2], [3, 2, 4])],
    ],
    [
      'each time three others of five',
      [
        [0, 2, 4],
        [0, 4, 1],
        [0, 1, 3],
        [0, 1, 3],
      ].map((by) => signing(3, FIVE, by)),
    ],
    ['one key of five changes', [signing(3, FIVE, [0, 2, 4]), signing(3, ONE_OTHER, [0, 4, 1])]],
    [
      'one key of five changes, and signs from then on',
      [signing(3, FIVE, [0, 2, 4]), signing(3, ONE_OTHER, [0, 2, 4, 5]), signing(3, ONE_OTHER, [0, 4, 5])],
    ],
    [
      'all five keys change',
      [signing(3, FIVE, [0, 2, 4]), signing(3, ALL_OTHER, [0, 2, 4, 5, 6, 7]), signing(3, ALL_OTHER, [5, 6, 7])],
    ],
    ['the threshold rises', [signing(1, [1, 2, 3], [1]), signing(2, [1, 2, 3], [1, 2])]],
    ['the threshold falls', [signing(2, [1, 2, 3], [1, 2]), signing(1, [1, 2, 3], [1, 2]), signing(1, [1, 2, 3], [1])]],
    ['a second key, and both must sign', [signing(1, [1], [1]), signing(2, [1, 2], [1, 2])]],
  ])('%s: the last is reached', async (_what, roots) => {
    expect(await refreshOver(roots)).toBe(0);
    expect(client.trusted('root')).toEqual(served(roots.length));
  });

  it.each<[string, readonly Signing[]]>([
    ['another key, and the old one has not signed', [signing(1, [1], [1]), signing(1, [2], [2, 3, 4])]],
    ['another key, and it has not signed itself', [signing(1, [1], [1]), signing(1, [2], [1, 3, 4])]],
    ['one key of five changes: two of the new five', [signing(3, FIVE, [0, 2, 4]), signing(3, ONE_OTHER, [0, 2, 4])]],
    ['one key of five changes: two of the old five', [signing(3, FIVE, [0, 2, 4]), signing(3, ONE_OTHER, [0, 4, 5])]],
    ['the threshold rises, and one has signed', [signing(1, [1, 2, 3], [1]), signing(2, [1, 2, 3], [2])]],
    ['the threshold falls, and one has signed', [signing(2, [1, 2, 3], [1, 2]), signing(1, [1, 2, 3], [1])]],
  ])('%s: the last is refused', async (_what, roots) => {
    expect(await refreshOver(roots)).toBe(1);
    expect(client.trusted('root')).toEqual(served(roots.length - 1));
  });
});

describe.each(['timestamp', 'snapshot', 'targets'] as const)('new keys of %s', (role) => {
  beforeEach(() => client.init());

  async function refreshOver({ keys, threshold, by }: Signing): Promise<number> {
    sim.setKeys(role, ring(keys), threshold);
    sim.signers.set(role, ring(by));
    sim.publishRoot();
    sim.publish('targets');
    return client.refresh();
  }

  it.each<[string, Signing]>([
    ['one, which has signed', signing(1, [2], [2])],
    ['one, among signatures of strangers', signing(1, [1], [3, 1, 4])],
    ...[
      [0, 2, 4],
      [0, 4, 1],
      [0, 1, 3],
      [1, 2, 3],
      [2, 3, 4],
    ].map((by): [string, Signing] => [`five, of which ${by.join(', ')} have signed`, signing(3, FIVE, by)]),
  ])('%s: trusted', async (_what, signed) => {
    expect(await refreshOver(signed)).toBe(0);
    expect(client.trusted(role)).toEqual(new Uint8Array(sim.file(sim.nameOf(role))));
  });

  it.each<[string, Signing]>([
    ['one, and strangers have signed', signing(1, [2], [1, 3, 4])],
    ['five, of which two have signed, and one that was', signing(3, ONE_OTHER, [0, 2, 4])],
    ['five, of which two have signed', signing(3, ONE_OTHER, [0, 4])],
  ])('%s: refused', async (_what, signed) => {
    expect(await refreshOver(signed)).toBe(1);
    expect(client.trusted(role)).toBeUndefined();
  });
});
