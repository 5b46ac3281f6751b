import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TargetsDoc } from '../simulator/documents.js';
import { Publisher } from '../support/publisher.js';
import { readAll } from '../support/readers.js';
import { expectRefused } from '../support/refused.js';
import { World } from '../support/world.js';

describe('a snapshot, which no role ever leaves', () => {
  let world: World;
  let names = 0;

  beforeAll(async () => {
    world = await World.start({ server: { policy: { maxSnapshotRoles: 8 } } });
  });
  afterAll(() => world.stop());

  /** Top-level targets and mallory are two of the eight. */
  async function begin(): Promise<Publisher> {
    const publisher = await Publisher.begin(world, `growth/${++names}`, { 'top.txt': 'top' });
    const targets = publisher.next();
    const mallory = publisher.delegate(targets, 'mallory', { paths: ['m/*'] });
    await publisher.publish({ targets, mallory });
    return publisher;
  }

  /** Mallory's next document, which names `count` new roles and drops those named before. */
  function fresh(publisher: Publisher, round: number, count: number): Record<string, TargetsDoc> {
    const mallory = publisher.next('mallory');
    mallory.delegations = { keys: {}, roles: [] };
    const docs: Record<string, TargetsDoc> = { mallory };
    for (let n = 0; n < count; n += 1) docs[`r${round}-${n}`] = publisher.delegate(mallory, `r${round}-${n}`);
    return docs;
  }

  it('is not filled by one delegated key until nobody can publish', async () => {
    const publisher = await begin();
    for (const round of [0, 1]) await publisher.publish(fresh(publisher, round, 3));
    await expectRefused(publisher, publisher.signAll(fresh(publisher, 2, 1)), 'too-many', { limit: 8 });

    // Everybody goes on: updates, a rotation of the snapshot key, the removal of whoever did it.
    await publisher.publish({ mallory: publisher.next('mallory') });
    const key = await publisher.onlineKey('snapshot', 'POST');
    const root = publisher.nextRoot();
    root.keys[key.id] = key.json;
    root.roles['snapshot'] = { keyids: [key.id], threshold: 1 };
    await publisher.publish({ root });
    const targets = publisher.next();
    targets.delegations = { keys: {}, roles: [] };
    await publisher.publish({ targets });
    expect((await readAll(publisher)).contents).toEqual({ 'top.txt': 'top' });

    // A name that is listed already costs nothing to use again.
    const again = publisher.next();
    const role = { ...publisher.delegate(again, 'r0-0', { paths: ['*'] }), version: 2 };
    await publisher.publish({ targets: again, 'r0-0': role });
  });

  it('takes as many names as the limit says in a first publish, and no more', async () => {
    const publisher = new Publisher(world, `growth/${++names}`);
    const { root, targets } = await publisher.first();
    const docs: Record<string, TargetsDoc> = {};
    for (let n = 0; n < 8; n += 1) docs[`r${n}`] = publisher.delegate(targets, `r${n}`);
    const answer = await publisher.post(publisher.signAll({ root, targets, ...docs }));
    expect(answer).toMatchObject({ body: { error: { code: 'too-many' } } });
    targets.delegations!.roles!.pop();
    delete docs['r7'];
    await publisher.publish({ root, targets, ...docs });
  });
});

describe('a root', () => {
  it.each(['snapshot', 'timestamp'] as const)('lists at most eight %s keys of this server', async (role) => {
    const world = await World.start();
    try {
      const publisher = await Publisher.begin(world, 'many/keys');
      for (let count = 2; count <= 9; count += 1) {
        const key = await publisher.onlineKey(role, 'POST');
        const root = publisher.nextRoot();
        root.keys[key.id] = key.json;
        root.roles[role]!.keyids.push(key.id);
        if (count <= 8) await publisher.publish({ root });
        else await expectRefused(publisher, publisher.signAll({ root }), 'too-many', { role, limit: 8 });
      }
      await publisher.publish({ targets: publisher.next() });
    } finally {
      await world.stop();
    }
  });
});
