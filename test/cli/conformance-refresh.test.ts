import { beforeEach, describe, expect, it } from 'vitest';
import { corrupt, resigned } from '../simulator/hostile.js';
import { listedAs, newKey } from '../simulator/keys.js';
import { type Conformance, initialisedClient } from '../support/conformance-client.js';

let sim: Conformance['sim'];
let client: Conformance['client'];
beforeEach(async () => {
  ({ sim, client } = await initialisedClient());
});

it.each(['root', 'timestamp', 'snapshot', 'targets'])(
  '%s is kept as it was served, white space and all',
  async (role) => {
    expect(await client.refresh()).toBe(0);
    expect(client.trusted(role)).toEqual(new Uint8Array(sim.file(sim.nameOf(role))));
  },
);

describe('a refresh ends at the role that is wrong, and keeps what came before it', () => {
  const UNTIL = {
    root: { root: 1 },
    timestamp: { root: 2 },
    snapshot: { root: 2, timestamp: 2 },
    targets: { root: 2, snapshot: 2, timestamp: 2 },
  };

  beforeEach(() => {
    sim.publishRoot();
    sim.publish('targets');
  });

  it.each(Object.entries(UNTIL))('%s without a signature', async (role, trusted) => {
    corrupt.unsigned(sim, sim.nameOf(role));
    expect(await client.refresh()).toBe(1);
    expect(client.versions()).toEqual(trusted);
  });

  it.each(['root', 'snapshot', 'targets'] as const)('%s of another version than was asked for', async (role) => {
    resigned(sim, sim.nameOf(role), sim.signers.get(role)!, (signed) => (signed['version'] = 3));
    expect(await client.refresh()).toBe(1);
    expect(client.versions()).toEqual(UNTIL[role]);
  });

  it('a snapshot in the place of the timestamp, though the timestamp’s key has signed it', async () => {
    const keys = sim.signers.get('timestamp')!;
    const looksLikeOne = { ...sim.snapshot, meta: { 'snapshot.json': { version: 1 } } };
    sim.files.set('timestamp.json', sim.sign(looksLikeOne, keys));
    expect(await client.refresh()).toBe(1);
    expect(client.versions()).toEqual({ root: 2 });
  });
});

describe('a file that is named and missing', () => {
  beforeEach(() => client.refresh());

  it('of a timestamp: nothing is new', async () => {
    sim.files.delete('timestamp.json');
    expect(await client.refresh()).toBe(1);
    expect(sim.requests.at(-1)).toBe('timestamp.json');
    expect(client.versions()).toEqual({ root: 1, snapshot: 1, targets: 1, timestamp: 1 });
  });

  it('of a snapshot: the timestamp is new', async () => {
    sim.timestamp.meta['snapshot.json']!.version += 1;
    sim.publishTimestamp();
    expect(await client.refresh()).toBe(1);
    expect(sim.requests.at(-1)).toBe('2.snapshot.json');
    expect(client.versions()).toEqual({ root: 1, snapshot: 1, targets: 1, timestamp: 2 });
  });

  it('of targets: timestamp and snapshot are new', async () => {
    sim.snapshot.meta['targets.json']!.version += 1;
    sim.publishSnapshot();
    expect(await client.refresh()).toBe(1);
    expect(sim.requests.at(-1)).toBe('2.targets.json');
    expect(client.versions()).toEqual({ root: 1, snapshot: 2, targets: 1, timestamp: 2 });
  });
});

describe('what nothing trusted names is not asked for', () => {
  beforeEach(() => client.refresh());

  it('a snapshot of a timestamp whose version is no other', async () => {
    const before = client.trusted('timestamp');
    resigned(sim, 'timestamp.json', sim.signers.get('timestamp')!, (signed) => {
      signed['meta'] = { 'snapshot.json': { version: 100 } };
    });
    expect(await client.refresh()).toBe(0);
    expect(sim.requests.at(-1)).toBe('timestamp.json');
    expect(client.trusted('timestamp')).toEqual(before);
  });

  it('new targets that the snapshot does not have', async () => {
    const [timestamp, snapshot] = [sim.file('timestamp.json'), sim.file('1.snapshot.json')];
    sim.publish('targets');
    sim.files.set('timestamp.json', timestamp).set('1.snapshot.json', snapshot);
    expect(await client.refresh()).toBe(0);
    expect(sim.requests.at(-1)).toBe('timestamp.json');
    expect(client.versions()).toMatchObject({ targets: 1 });
  });

  it('a new snapshot that the new timestamp does not have', async () => {
    sim.publishSnapshot();
    sim.timestamp.meta['snapshot.json']!.version = 1;
    sim.publishTimestamp();
    expect(await client.refresh()).toBe(0);
    expect(sim.requests.at(-1)).toBe('timestamp.json');
    expect(client.versions()).toEqual({ root: 1, snapshot: 1, targets: 1, timestamp: 3 });
  });
});

describe('lengths and hashes of metadata', () => {
  const WRONG = { sha256: '46'.repeat(32) };

  beforeEach(async () => {
    sim.describe = 'length-and-hashes';
    sim.publish('targets');
    expect(await client.refresh()).toBe(0);
    sim.publish('targets');
  });

  it('that are right are taken', async () => {
    expect(await client.refresh()).toBe(0);
    expect(client.versions()).toEqual({ root: 1, snapshot: 3, targets: 3, timestamp: 3 });
  });

  it('that are wrong refuse a snapshot', async () => {
    sim.timestamp.meta['snapshot.json']!.hashes = WRONG;
    sim.publishTimestamp();
    expect(await client.refresh()).toBe(1);
    expect(client.versions()).toEqual({ root: 1, snapshot: 2, targets: 2, timestamp: 4 });
  });

  it('that are wrong refuse targets', async () => {
    sim.snapshot.meta['targets.json']!.hashes = WRONG;
    sim.publishSnapshot();
    expect(await client.refresh()).toBe(1);
    expect(client.versions()).toEqual({ root: 1, snapshot: 4, targets: 2, timestamp: 4 });
  });
});

describe('members that the specification does not know', () => {
  it('in a root, in a role and in a key are signed along with the others', async () => {
    const key = listedAs(newKey(), { 'extra-field': { b: 2, a: 1 } });
    sim.setKeys('root', [...sim.signers.get('root')!, key], 2);
    Object.assign(sim.root, { 'custom-field': 'value' });
    Object.assign(sim.root.roles['root']!, { 'another-field': 'value' });
    sim.publishRoot();
    expect(await client.refresh()).toBe(0);
    expect(client.versions()).toMatchObject({ root: 2 });
  });

  it('a key’s `keyid_hash_algorithms` means nothing', async () => {
    sim.setKeys('snapshot', [listedAs(newKey('ecdsa'), { keyid_hash_algorithms: 'md5' })]);
    sim.publishRoot();
    sim.publishSnapshot();
    expect(await client.refresh()).toBe(0);
    expect(client.versions()).toMatchObject({ root: 2, snapshot: 2 });
  });
});
