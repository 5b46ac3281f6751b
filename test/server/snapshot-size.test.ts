import { afterEach, describe, expect, it } from 'vitest';
import { ByHand } from '../support/by-hand.js';
import { Publisher } from '../support/publisher.js';
import { readAll } from '../support/readers.js';
import { expectRefused } from '../support/refused.js';
import { SnapshotHolder } from '../support/snapshot-holder.js';

const LIMIT = 1_024;
const DAY = 86_400;

describe('a snapshot over the limit', () => {
  let host: ByHand;
  afterEach(() => host.stop());
  const start = async (): Promise<ByHand> => (host = await ByHand.start({ policy: { maxSnapshot: LIMIT } }));

  async function sizeOf(publisher: Publisher): Promise<number> {
    return String(await publisher.read('snapshot.json')).length;
  }

  it('that the server would make is refused before anything is signed, and nothing is stored; one that fits is made', async () => {
    const publisher = await Publisher.begin((await start()).world, 'size/made');
    const many = publisher.next();
    const roles = Object.fromEntries(
      Array.from({ length: 40 }, (_, number) => {
        const role = `team-${number}`;
        return [role, publisher.delegate(many, role)];
      }),
    );
    host.faults.reset();
    const detail = { role: 'snapshot', limit: LIMIT };
    await expectRefused(publisher, publisher.signAll({ targets: many, ...roles }), 'too-large', detail);
    expect(host.calls('signer.sign')).toBe(0);
    expect(host.calls('store.commit')).toBe(0);
    expect(await publisher.read('1.team-0.json')).toBe(404);

    const few = publisher.next();
    await publisher.publish({ targets: few, a: publisher.delegate(few, 'a') });
    expect((await readAll(publisher)).versions).toMatchObject({ a: 1, snapshot: 2, timestamp: 2 });
  });

  it('to the byte: the longest that is taken is within the limit, and with one role more it would not be', async () => {
    const publisher = await Publisher.begin((await start()).world, 'size/byte');
    for (let number = 0; ; number += 1) {
      const targets = publisher.next();
      const role = `r${number}`;
      const docs = { targets, [role]: publisher.delegate(targets, role) };
      const before = await sizeOf(publisher);
      const answer = await publisher.post(publisher.signAll(docs));
      if (answer.status !== 200) {
        // What one more role takes: some fifty bytes, and eight that an ECDSA signature might be longer, in hex.
        expect(before).toBeGreaterThan(LIMIT - 80);
        return;
      }
      publisher.adopt(docs);
      expect(await sizeOf(publisher)).toBeLessThanOrEqual(LIMIT);
    }
  });

  it('that a publisher signed is refused too', async () => {
    const holder = await SnapshotHolder.start((await start()).world, 'size/own');
    const files = holder.filesOf({}, (snapshot) => Object.assign(snapshot, { padding: 'x'.repeat(LIMIT) }));
    await expectRefused(holder, files, 'too-large', { role: 'snapshot', limit: LIMIT });
  });

  it('because the limit was lowered stops neither renewal nor a new root', async () => {
    host = await ByHand.start();
    const publisher = await Publisher.begin(host.world, 'size/lowered');
    const targets = publisher.next();
    await publisher.publish({ targets, long: publisher.delegate(targets, 'long') });
    const roles = Array.from({ length: 20 }, (_, number) => `another-${number}`);
    const more = publisher.next();
    const docs = Object.fromEntries(roles.map((role) => [role, publisher.delegate(more, role)]));
    await publisher.publish({ targets: more, ...docs });
    expect(await sizeOf(publisher)).toBeGreaterThan(LIMIT);
    await host.world.stopServer();
    const config = await host.world.serverConfig();
    await host.world.startConfigured({ ...config, policy: { ...config.policy, maxSnapshot: LIMIT } });
    await expectRefused(publisher, publisher.signAll({ targets: publisher.next() }), 'too-large');
    const root = publisher.nextRoot();
    const key = await publisher.onlineKey('snapshot', 'POST');
    root.keys[key.id] = key.json;
    root.roles['snapshot'] = { keyids: [key.id], threshold: 1 };
    await publisher.publish({ root });
    host.clock.advance(8 * DAY);
    await publisher.read('timestamp.json');
    expect((await readAll(publisher)).versions).toMatchObject({ root: 2, snapshot: 5 });
  });
});
