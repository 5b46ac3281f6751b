import { beforeEach, describe, expect, it } from 'vitest';
import { newKey } from '../simulator/keys.js';
import { type Conformance, initialisedClient } from '../support/conformance-client.js';

let sim: Conformance['sim'];
let client: Conformance['client'];
beforeEach(async () => {
  ({ sim, client } = await initialisedClient());
});

describe('rollback', () => {
  it('of the timestamp is refused', async () => {
    const old = sim.file('timestamp.json');
    sim.publishTimestamp();
    expect(await client.refresh()).toBe(0);
    sim.files.set('timestamp.json', old);
    expect(await client.refresh()).toBe(1);
    expect(client.versions()).toMatchObject({ timestamp: 2 });
    expect(sim.requests.at(-1)).toBe('timestamp.json');
  });

  describe.each(['version', 'length-and-hashes'] as const)('where files are described by %s', (described) => {
    beforeEach(() => void (sim.describe = described));

    it('of the snapshot is refused at the timestamp that names it', async () => {
      sim.publishSnapshot();
      expect(await client.refresh()).toBe(0);
      sim.snapshot.version = 0;
      sim.publishSnapshot();
      expect(await client.refresh()).toBe(1);
      expect(client.versions()).toMatchObject({ snapshot: 2, timestamp: 2 });
      expect(sim.requests.at(-1)).toBe('timestamp.json');
    });

    it('of targets is refused at the snapshot that names them', async () => {
      sim.publish('targets');
      expect(await client.refresh()).toBe(0);
      sim.targets.version = 0;
      sim.publish('targets');
      expect(await client.refresh()).toBe(1);
      expect(client.versions()).toMatchObject({ snapshot: 2, targets: 2 });
      expect(sim.requests.at(-1)).toBe('3.snapshot.json');
    });
  });

  it('by leaving a role out of the snapshot is refused', async () => {
    sim.delegate('targets', 'delegated', { paths: ['d/*'] });
    sim.publish('delegated', 'targets');
    expect(await client.refresh()).toBe(0);
    delete sim.snapshot.meta['delegated.json'];
    sim.publishSnapshot();
    expect(await client.refresh()).toBe(1);
    expect(client.versions()).toMatchObject({ snapshot: 2 });
  });
});

describe('recovery from versions that an attacker has driven up', () => {
  it('of the timestamp: with a new key for it, it starts again', async () => {
    sim.timestamp.version = 99;
    sim.publishTimestamp();
    expect(await client.refresh()).toBe(0);
    expect(client.versions()).toMatchObject({ timestamp: 100 });
    sim.setKeys('timestamp', [newKey()]);
    sim.publishRoot();
    sim.timestamp.version = 0;
    sim.publishTimestamp();
    expect(await client.refresh()).toBe(0);
    expect(client.versions()).toMatchObject({ root: 2, timestamp: 1 });
  });

  it('of the snapshot: with new keys for it and the timestamp, it starts again', async () => {
    sim.snapshot.version = 99;
    sim.publishSnapshot();
    expect(await client.refresh()).toBe(0);
    expect(client.versions()).toMatchObject({ snapshot: 100 });
    for (const role of ['snapshot', 'timestamp'] as const) sim.setKeys(role, [newKey()]);
    sim.publishRoot();
    sim.snapshot.version = 0;
    sim.publish('targets');
    expect(await client.refresh()).toBe(0);
    expect(client.versions()).toEqual({ root: 2, snapshot: 1, targets: 2, timestamp: 3 });
  });

  it('of targets: with a new key for the snapshot they start again, and a role may go', async () => {
    sim.delegate('targets', 'delegated', { paths: ['d/*'] });
    sim.targets.version = 99;
    sim.publish('delegated', 'targets');
    expect(await client.refresh()).toBe(0);
    expect(client.versions()).toMatchObject({ targets: 100 });
    sim.setKeys('snapshot', [newKey()]);
    sim.publishRoot();
    sim.targets.version = 0;
    delete sim.snapshot.meta['delegated.json'];
    sim.publish('targets');
    expect(await client.refresh()).toBe(0);
    expect(client.versions()).toMatchObject({ root: 2, snapshot: 3, targets: 1 });
  });
});
