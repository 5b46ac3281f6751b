import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CountersignError } from '@countersign/client/tuf';
import { certifiedKey, target } from '../simulator/notary.js';
import { ByHand } from '../support/by-hand.js';
import { NotaryPublisher, outcome } from '../support/notary-publisher.js';
import { CachingReader } from '../support/caching-reader.js';
import { list, soon } from './support/notary-cases.js';

const DAY = 86_400;

interface Change {
  readonly Version: number;
  readonly SHA256: string;
  readonly Category: string;
}

describe('renewal of Notary collections', () => {
  let renewal: ByHand;
  beforeEach(async () => {
    renewal = await ByHand.start();
  });
  afterEach(() => renewal.stop());

  const begin = (options?: Parameters<NotaryPublisher['draft']>[0]): Promise<NotaryPublisher> =>
    NotaryPublisher.begin(renewal.world, 'renewal/app', options);

  async function days(publisher: NotaryPublisher, file: string): Promise<number> {
    const { expires } = await publisher.signed(file);
    return (Date.parse(expires) - renewal.clock.now()) / 1000 / DAY;
  }

  async function changes(): Promise<readonly Change[]> {
    const answer = await fetch(`${renewal.world.url}/v2/renewal/app/_trust/changefeed?records=100`);
    return ((await answer.json()) as { records: Change[] }).records;
  }

  /** What is served of a role: its status, and the role that has expired if it says so. */
  async function served(publisher: NotaryPublisher, role: string): Promise<readonly [number, string | null]> {
    const answer = await publisher.get(`${role}.json`);
    await answer.arrayBuffer();
    return [answer.status, answer.headers.get('x-countersign-expired')];
  }

  it('signs a timestamp for fourteen days, anew after two and not before, the snapshot staying', async () => {
    const publisher = await begin();
    expect(await days(publisher, 'timestamp.json')).toBeCloseTo(14, 2);
    expect(await days(publisher, 'snapshot.json')).toBeCloseTo(1095, 2);
    renewal.clock.advance(1.9 * DAY);
    expect(await renewal.collections.renewDue()).toEqual({ renewed: 0, failed: 0 });
    renewal.clock.advance(0.2 * DAY);
    expect(await renewal.collections.renewDue()).toEqual({ renewed: 1, failed: 0 });
    expect(await days(publisher, 'timestamp.json')).toBeCloseTo(14, 2);
    expect(await new CachingReader(publisher).versions()).toEqual({ root: 1, targets: 1, snapshot: 1, timestamp: 2 });
  });

  it('signs a snapshot of its own anew long before its three years are over, listing the same', async () => {
    const publisher = await begin();
    const before = await publisher.signed('snapshot.json');
    renewal.clock.advance(181 * DAY);
    await renewal.collections.renewDue();
    const after = await publisher.signed('snapshot.json');
    expect([after.version, after.meta]).toEqual([2, before.meta]);
    expect(await days(publisher, 'snapshot.json')).toBeCloseTo(1095, 2);
    expect(await new CachingReader(publisher).versions()).toMatchObject({ snapshot: 2, timestamp: 2 });
  });

  it('once, for everybody who reads an expired timestamp at the same moment', async () => {
    const publisher = await begin({ snapshots: 'client' });
    renewal.clock.advance(15 * DAY);
    renewal.faults.reset();
    const read = await Promise.all(Array.from({ length: 20 }, () => publisher.read('timestamp.json')));
    expect(new Set(read).size).toBe(1);
    expect(renewal.calls('signer.sign')).toBe(1);
    expect(await days(publisher, 'timestamp.json')).toBeCloseTo(14, 2);
  });

  it('has a row in the changefeed for each new timestamp, and none for a read', async () => {
    const publisher = await begin();
    renewal.clock.advance(3 * DAY);
    await renewal.collections.renewDue();
    renewal.clock.advance(15 * DAY);
    await publisher.read('timestamp.json');
    await publisher.read('timestamp.json');
    const rows = await changes();
    expect(rows.map(({ Version, Category }) => [Version, Category])).toEqual([
      [1, 'update'],
      [2, 'update'],
      [3, 'update'],
    ]);
    const { sha256 } = (await renewal.store.timestamp(publisher.gun as never))!;
    expect(rows.at(-1)!.SHA256).toBe(sha256);
  });

  describe('a snapshot of the publisher that has expired', () => {
    async function expired(): Promise<NotaryPublisher> {
      const publisher = new NotaryPublisher(renewal.world, 'renewal/app');
      await publisher.draft({ snapshots: 'client' });
      const files = publisher.firstFiles();
      const short = publisher.withSnapshot({ root: files['root']!, targets: files['targets']! }, (snapshot) => {
        snapshot.expires = publisher.days(20);
      });
      await publisher.publish(short);
      renewal.clock.advance(30 * DAY);
      return publisher;
    }

    it('is served and says so, as everything else is served; never 500', async () => {
      const publisher = await expired();
      expect(await served(publisher, 'timestamp')).toEqual([200, null]);
      expect(await served(publisher, 'snapshot')).toEqual([200, 'snapshot']);
      expect(await served(publisher, 'root')).toEqual([200, null]);
      expect(await served(publisher, 'targets')).toEqual([200, null]);
      expect((await publisher.get(`snapshot.${publisher.hash('snapshot')}.json`)).status).toBe(200);
      await expect(new CachingReader(publisher).refresh()).rejects.toMatchObject({ code: 'freeze' });
    });

    it('keeps no timestamp from being renewed, and is mended by the publisher', async () => {
      const publisher = await expired();
      expect(await renewal.collections.renewDue()).toEqual({ renewed: 1, failed: 0 });
      await publisher.publish(publisher.withSnapshot({}));
      expect(await new CachingReader(publisher).versions()).toMatchObject({ root: 1, targets: 1 });
      expect(await served(publisher, 'snapshot')).toEqual([200, null]);
    });
  });

  it('goes on under a root that has expired, which is served and says so, and mended by the next root', async () => {
    const publisher = new NotaryPublisher(renewal.world, 'renewal/app');
    await publisher.draft();
    publisher.root.expires = publisher.days(20);
    await publisher.publish(publisher.firstFiles());
    renewal.clock.advance(30 * DAY);
    expect(await served(publisher, 'timestamp')).toEqual([200, null]);
    expect(await served(publisher, 'root')).toEqual([200, 'root']);
    expect(await served(publisher, 'targets')).toEqual([200, null]);
    const root = publisher.nextRoot((next) => (next.expires = publisher.days(3_000)));
    await publisher.publish({ root: publisher.sign('root', root) });
    expect(await new CachingReader(publisher).versions()).toMatchObject({ root: 2, targets: 1 });
  });

  it('and publishing go on with a root certificate that has expired since; the next root needs one that has not', async () => {
    const where = renewal.world;
    const old = certifiedKey({ cn: 'renewal/app', notAfter: soon({ where }, 20) });
    const publisher = await begin({ root: old });
    renewal.clock.advance(30 * DAY);
    expect(await renewal.collections.renewDue()).toEqual({ renewed: 1, failed: 0 });
    await publisher.publish({ targets: publisher.advance('targets') });
    expect(outcome(await publisher.post({ root: publisher.sign('root', publisher.nextRoot()) }))).toBe(
      '400 INVALID_UPDATE ErrBadRoot',
    );
    const key = certifiedKey({ cn: 'renewal/app' });
    const root = publisher.nextRoot((next) => list(next, 'root', key));
    await publisher.publish({ root: publisher.sign('root', root, key, old) });
    expect(await new CachingReader(publisher).versions()).toMatchObject({ root: 2, targets: 2 });
  });

  it('that the signer is too far away for serves what there is, and says that it has expired', async () => {
    const publisher = await begin();
    renewal.clock.advance(15 * DAY);
    renewal.faults.onCall = ({ name }) => {
      if (name === 'signer.sign') throw new CountersignError('unavailable', 'for a test');
    };
    expect(await served(publisher, 'timestamp')).toEqual([200, 'timestamp']);
    renewal.faults.reset();
    expect(await served(publisher, 'timestamp')).toEqual([200, null]);
  });

  it('keeps a delegated role that has expired, for those who ask', async () => {
    const publisher = await begin();
    const targets = publisher.advance('targets', (next) => publisher.delegate(next, 'targets/short'));
    const short = publisher.advance('targets/short', (next) => {
      next.targets['t'] = target('t');
      next.expires = publisher.days(10);
    });
    await publisher.publish({ targets, 'targets/short': short });
    renewal.clock.advance(20 * DAY);
    await renewal.collections.renewDue();
    expect(await served(publisher, 'targets/short')).toEqual([200, encodeURIComponent('targets/short')]);
    expect(await new CachingReader(publisher).versions()).toMatchObject({ targets: 2 });
  });
});
