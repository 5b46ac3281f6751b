import { afterEach, describe, expect, it } from 'vitest';
import { CountersignError, instant } from '@countersign/client/tuf';
import { ByHand } from '../support/by-hand.js';
import { Publisher } from '../support/publisher.js';
import { readAll } from '../support/readers.js';

const HOUR = 3_600;
const DAY = 24 * HOUR;

interface Signed {
  readonly signed: { readonly version: number; readonly expires: string };
}

async function signed(publisher: Publisher, file: string): Promise<Signed['signed']> {
  return (JSON.parse(String(await publisher.read(file))) as Signed).signed;
}

describe('renewal', () => {
  let renewal: ByHand;
  afterEach(async () => {
    await renewal.stop();
  });

  async function begin(contents: Readonly<Record<string, string>> = { 'f.txt': 'f' }): Promise<Publisher> {
    renewal = await ByHand.start();
    return Publisher.begin(renewal.world, 'renewal/app', contents);
  }

  it('signs a timestamp anew after a day and not earlier, valid for a week each time', async () => {
    const publisher = await begin();
    const first = await signed(publisher, 'timestamp.json');
    renewal.clock.advance(20 * HOUR);
    expect(await renewal.collections.renewDue()).toEqual({ renewed: 0, failed: 0 });
    expect(await signed(publisher, 'timestamp.json')).toEqual(first);
    renewal.clock.advance(4 * HOUR);
    expect(await renewal.collections.renewDue()).toEqual({ renewed: 1, failed: 0 });
    const second = await signed(publisher, 'timestamp.json');
    expect(second.version).toBe(first.version + 1);
    const lifetime = (Date.parse(second.expires) - renewal.clock.now()) / 1000;
    expect(lifetime).toBeGreaterThan(7 * DAY - 60);
    expect(lifetime).toBeLessThanOrEqual(7 * DAY);
    expect(await renewal.collections.renewDue()).toEqual({ renewed: 0, failed: 0 });
  });

  it('signs a snapshot anew after a week and not earlier, listing the same', async () => {
    const publisher = await begin();
    for (let day = 1; day < 7; day += 1) {
      renewal.clock.advance(DAY);
      await renewal.collections.renewDue();
    }
    expect(await signed(publisher, 'snapshot.json')).toMatchObject({ version: 1 });
    renewal.clock.advance(DAY);
    await renewal.collections.renewDue();
    const second = await signed(publisher, 'snapshot.json');
    expect(second.version).toBe(2);
    expect((Date.parse(second.expires) - renewal.clock.now()) / 1000).toBeGreaterThan(30 * DAY - 60);
    expect(await readAll(publisher)).toMatchObject({
      versions: { snapshot: 2, targets: 1 },
      contents: { 'f.txt': 'f' },
    });
  });

  it('goes on with timestamps alone where the snapshot has become too large for the signer', async () => {
    const publisher = await begin();
    const before = await signed(publisher, 'timestamp.json');
    renewal.faults.onCall = ({ name, when }) => {
      const first = renewal.faults.calls.filter((call) => call === 'signer.sign').length === 1;
      if (name !== 'signer.sign' || when !== 'before' || !first) return;
      throw new CountersignError('too-large', 'for a test');
    };
    renewal.faults.calls = [];
    renewal.clock.advance(8 * DAY);
    expect(await renewal.collections.renewDue()).toEqual({ renewed: 1, failed: 0 });
    expect((await signed(publisher, 'timestamp.json')).version).toBeGreaterThan(before.version);
    expect(await signed(publisher, 'snapshot.json')).toMatchObject({ version: 1 });
    expect((await readAll(publisher)).contents).toEqual({ 'f.txt': 'f' });
  });

  it('once, for all who read an expired timestamp at the same moment', async () => {
    const publisher = await begin();
    renewal.clock.advance(8 * DAY);
    renewal.faults.reset();
    const read = await Promise.all(Array.from({ length: 20 }, () => publisher.read('timestamp.json')));
    expect(new Set(read).size).toBe(1);
    // A timestamp, and the snapshot whose week is over.
    expect(renewal.calls('signer.sign')).toBe(2);
    expect(Date.parse((await signed(publisher, 'timestamp.json')).expires)).toBeGreaterThan(renewal.clock.now());
    await readAll(publisher);
    expect(renewal.calls('signer.sign')).toBe(2);
  });

  it('is not stopped by expired targets and root, which stay expired', async () => {
    const publisher = await begin();
    renewal.clock.advance(100 * DAY);
    expect(await renewal.collections.renewDue()).toEqual({ renewed: 1, failed: 0 });
    expect(Date.parse((await signed(publisher, 'timestamp.json')).expires)).toBeGreaterThan(renewal.clock.now());
    await expect(readAll(publisher)).rejects.toMatchObject({ code: 'freeze', detail: { role: 'root' } });
    const [root, targets] = [publisher.nextRoot(), publisher.next()];
    await publisher.publish({ root: { ...root, expires: publisher.days(90) } });
    await expect(readAll(publisher)).rejects.toMatchObject({ code: 'freeze', detail: { role: 'targets' } });
    await publisher.publish({ targets: { ...targets, expires: publisher.days(90) } });
    expect((await readAll(publisher)).contents).toEqual({ 'f.txt': 'f' });
  });

  it('waits for a signer that is down, while reads go on, and catches up', async () => {
    const publisher = await begin();
    await renewal.world.stopSigner();
    renewal.clock.advance(6 * DAY);
    expect(await renewal.collections.renewDue()).toEqual({ renewed: 0, failed: 1 });
    expect((await readAll(publisher)).contents).toEqual({ 'f.txt': 'f' });
    renewal.clock.advance(2 * DAY);
    // Expired and nobody to sign it: served as it is, for the client to see.
    expect(await signed(publisher, 'timestamp.json')).toMatchObject({ version: 1 });
    await expect(readAll(publisher)).rejects.toMatchObject({ code: 'freeze', detail: { role: 'timestamp' } });
    await renewal.world.startSigner();
    expect((await readAll(publisher)).contents).toEqual({ 'f.txt': 'f' });
    expect(await signed(publisher, 'timestamp.json')).toMatchObject({ version: 2 });
  });

  it('is spread out over collections published together', async () => {
    await begin();
    for (let number = 0; number < 12; number += 1) await Publisher.begin(renewal.world, `renewal/${number}`);
    const due = await renewal.store.due(instant(renewal.clock.now() + 30 * DAY * 1000), 1_000);
    const times = due.map(({ renewAt }) => renewAt);
    expect(times).toHaveLength(13);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(20 * 60 * 1000);
    for (const time of times) {
      const wait = (time - renewal.clock.now()) / 1000;
      expect(wait).toBeGreaterThan(0.9 * DAY - 120);
      expect(wait).toBeLessThanOrEqual(DAY);
    }
  });

  it('that fails between signing and committing goes on with the next version', async () => {
    const publisher = await begin();
    renewal.clock.advance(DAY);
    renewal.faults.reset(({ name, when }) => {
      if (name === 'store.commit' && when === 'before') throw new Error('killed, for a test');
    });
    expect(await renewal.collections.renewDue()).toEqual({ renewed: 0, failed: 1 });
    renewal.faults.reset();
    renewal.clock.advance(60);
    expect(await renewal.collections.renewDue()).toEqual({ renewed: 1, failed: 0 });
    expect(await signed(publisher, 'timestamp.json')).toMatchObject({ version: 3 });
    await readAll(publisher);
  });
});
