import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { certifiedKey } from '../simulator/notary.js';
import { sha256 } from '../simulator/keys.js';
import { ByHand } from '../support/by-hand.js';
import { CachingReader } from '../support/caching-reader.js';
import { NotaryPublisher, outcome } from '../support/notary-publisher.js';
import { Publisher } from '../support/publisher.js';
import { expectCode } from '../support/refused.js';
import { list } from './support/notary-cases.js';

const DAY = 86_400;
const GUN = 'deleted/app';

describe('a collection that is deleted', () => {
  let host: ByHand;
  beforeEach(async () => {
    host = await ByHand.start();
  });
  afterEach(() => host.stop());

  async function remove(gun = GUN): Promise<void> {
    const answer = await fetch(`${host.world.url}/v2/${gun}/_trust/tuf/`, { method: 'DELETE' });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
  }

  describe('in TUF 1.0', () => {
    /** Root 2, targets 3 and as many snapshots and timestamps, and a reader who has seen them. */
    async function begin(): Promise<{ publisher: Publisher; reader: CachingReader }> {
      const publisher = await Publisher.begin(host.world, GUN, { 'a.txt': 'a' });
      await publisher.publish({ targets: publisher.next() });
      await publisher.publish({ root: publisher.nextRoot(), targets: publisher.next() });
      const reader = new CachingReader(publisher, 'tuf-1');
      expect(await reader.versions()).toEqual({ root: 2, targets: 3, snapshot: 3, timestamp: 3 });
      await remove();
      return { publisher, reader };
    }

    it('is nowhere to be read, by any name it had', async () => {
      const { publisher } = await begin();
      for (const name of ['timestamp', 'root', 'snapshot', 'targets', '1.root', '2.root', '3.snapshot', '3.targets'])
        expect([name, await publisher.read(`${name}.json`)]).toEqual([name, 404]);
    });

    it('begins another life above all its versions, and not below', async () => {
      const { publisher } = await begin();
      const again = new Publisher(host.world, GUN);
      const { root, targets } = await again.first();
      expectCode(await again.post(again.signAll({ root, targets })), 'conflict', {
        role: 'root',
        version: 1,
        current: 2,
      });
      root.version = 3;
      expectCode(await again.post(again.signAll({ root, targets })), 'conflict', { role: 'targets', current: 3 });
      targets.version = 4;
      await again.publish({ root, targets });
      expect(await new CachingReader(again, 'tuf-1').versions()).toEqual({
        root: 3,
        targets: 4,
        snapshot: 4,
        timestamp: 4,
      });
      expect(await publisher.read('3.targets.json')).toBe(404);
    });

    it('made by the holders of its root keys, is followed by readers of its life before', async () => {
      const { publisher, reader } = await begin();
      const again = new Publisher(host.world, GUN);
      const { root, targets } = await again.first();
      root.version = 3;
      targets.version = 4;
      const keys = [...again.signers.get('root')!, ...publisher.signers.get('root')!];
      const files = { root: again.sign('root', root, keys), targets: again.sign('targets', targets) };
      expect(await again.post(files)).toMatchObject({ status: 200 });
      expect(await reader.versions()).toEqual({ root: 3, targets: 4, snapshot: 4, timestamp: 4 });
    });

    it('made by somebody else, is refused by them for its root, and never takes them back', async () => {
      const { reader } = await begin();
      const again = new Publisher(host.world, GUN);
      const { root, targets } = await again.first();
      root.version = 3;
      targets.version = 4;
      await again.publish({ root, targets });
      const before = new Map(reader.saved);
      await expect(reader.refresh()).rejects.toMatchObject({ code: 'threshold' });
      expect(reader.saved).toEqual(before);
    });

    it('keeps going up over several lives', async () => {
      await begin();
      for (const life of [1, 2]) {
        const again = new Publisher(host.world, GUN);
        const { root, targets } = await again.first();
        root.version = 2 + life;
        targets.version = 3 + life;
        await again.publish({ root, targets });
        expect((await new CachingReader(again, 'tuf-1').versions()).timestamp).toBe(3 + life);
        await remove();
      }
    });

    it('lets go of its target files when their time is over, and no other collection had them', async () => {
      const { publisher } = await begin();
      const other = await Publisher.begin(host.world, 'deleted/app2', { 'a.txt': 'a' });
      const name = `${sha256('a')}.a.txt`;
      expect((await host.collections.collectTargets()).removed).toBe(0);
      host.clock.advance(31 * DAY);
      expect((await host.collections.collectTargets()).removed).toBe(1);
      expect(await publisher.read(name, 'targets')).toBe(404);
      expect(await other.read(name, 'targets')).toBe('a');
    });

    it('may come back as a Notary collection, whose versions start anew', async () => {
      await begin();
      const again = await NotaryPublisher.begin(host.world, GUN);
      expect(await new CachingReader(again).versions()).toMatchObject({ root: 1, targets: 1 });
    });
  });

  describe('in Notary v1', () => {
    async function begin(): Promise<NotaryPublisher> {
      const publisher = await NotaryPublisher.begin(host.world, GUN);
      await publisher.publish({ targets: publisher.advance('targets') });
      return publisher;
    }

    it('is nowhere to be read, by name, version or hash', async () => {
      const publisher = await begin();
      const hashes = [publisher.hash('root'), publisher.hash('targets')];
      await remove();
      const names = ['timestamp', 'root', 'snapshot', 'targets', '1.root', '2.targets', '1.timestamp'];
      for (const name of [...names, `root.${hashes[0]!}`, `targets.${hashes[1]!}`])
        expect([name, await publisher.read(`${name}.json`)]).toEqual([name, 404]);
    });

    it('starts at version 1 again, with a timestamp like any first one', async () => {
      await begin();
      await remove();
      const again = await NotaryPublisher.begin(host.world, GUN);
      expect(await new CachingReader(again).versions()).toEqual({ root: 1, targets: 1, snapshot: 1, timestamp: 1 });
    });

    it('comes back with the same keys all the same, above what these have signed', async () => {
      const publisher = await begin();
      const [timestamp, snapshot] = [await publisher.onlineKey('timestamp'), await publisher.onlineKey('snapshot')];
      await remove();
      const again = new NotaryPublisher(host.world, GUN);
      await again.draft();
      list(again.root, 'timestamp', timestamp);
      list(again.root, 'snapshot', snapshot);
      await again.publish(again.firstFiles());
      expect(await new CachingReader(again).versions()).toEqual({ root: 1, targets: 1, snapshot: 3, timestamp: 3 });
    });

    it('is refused by readers of its life before, who keep what they have', async () => {
      const publisher = await begin();
      const root = publisher.nextRoot((next) => list(next, 'root', certifiedKey({ cn: GUN })));
      const keys = publisher.signers.get('root')!;
      const reader = new CachingReader(publisher);
      await reader.refresh();
      await remove();
      expect(outcome(await publisher.post({ root: publisher.sign('root', root, ...keys) }))).toMatch(/^400 /u);
      await NotaryPublisher.begin(host.world, GUN);
      const before = new Map(reader.saved);
      await expect(reader.refresh()).rejects.toThrow();
      expect(reader.saved).toEqual(before);
    });

    it('leaves its neighbours alone, and no hash of it leads anywhere under their names', async () => {
      const publisher = await begin();
      const other = await NotaryPublisher.begin(host.world, `${GUN}2`);
      await remove();
      expect(await new CachingReader(other).versions()).toMatchObject({ targets: 1 });
      expect(await other.read(`targets.${publisher.hash('targets')}.json`)).toBe(404);
      expect(await publisher.read(`targets.${other.hash('targets')}.json`)).toBe(404);
    });

    it('may come back in TUF 1.0, above the versions it had', async () => {
      await begin();
      await remove();
      const again = new Publisher(host.world, GUN);
      const { root, targets } = await again.first();
      [root.version, targets.version] = [2, 3];
      await again.publish({ root, targets });
      expect((await new CachingReader(again, 'tuf-1').versions()).timestamp).toBe(3);
    });

    it('is told in the changefeed', async () => {
      await begin();
      await remove();
      const answer = await fetch(`${host.world.url}/v2/${GUN}/_trust/changefeed?records=10`);
      const { records } = (await answer.json()) as { records: { Version: number; SHA256: string; Category: string }[] };
      expect(records.map(({ Category, Version }) => [Category, Version])).toEqual([
        ['update', 1],
        ['update', 2],
        ['deletion', 0],
      ]);
      expect(records.at(-1)!.SHA256).toBe('');
    });
  });
});
