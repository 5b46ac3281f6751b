import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Publisher } from '../support/publisher.js';
import { readAll } from '../support/readers.js';
import { World } from '../support/world.js';

const ROLES = ['timestamp', 'snapshot'] as const;

describe('the key of an online role', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(() => world.stop());

  const listed = (publisher: Publisher, role: string): string =>
    (publisher.current.get('root') as ReturnType<Publisher['nextRoot']>).roles[role]!.keyids[0]!;

  it.each(ROLES)('before the first publish is the same for whoever asks, by GET or POST: %s', async (role) => {
    const publisher = new Publisher(world, `keys/before/${role}`);
    const first = await publisher.onlineKey(role);
    expect(await publisher.onlineKey(role)).toEqual(first);
    expect(await publisher.onlineKey(role, 'POST')).toEqual(first);
    const other = new Publisher(world, `keys/other/${role}`);
    expect(await other.onlineKey(role)).not.toEqual(first);
  });

  it.each(ROLES)(
    'after it is the one the published root lists by GET, and by POST another, the same one twice: %s',
    async (role) => {
      const publisher = await Publisher.begin(world, `keys/after/${role}`);
      const now = listed(publisher, role);
      expect((await publisher.onlineKey(role)).id).toBe(now);
      const next = await publisher.onlineKey(role, 'POST');
      expect(next.id).not.toBe(now);
      expect(await publisher.onlineKey(role, 'POST')).toEqual(next);
      expect((await publisher.onlineKey(role)).id).toBe(now);
    },
  );

  it.each(ROLES)('after a rotation is the new one by GET, and by POST one more: %s', async (role) => {
    const publisher = await Publisher.begin(world, `keys/rotated/${role}`);
    const before = listed(publisher, role);
    const next = await publisher.onlineKey(role, 'POST');
    const root = publisher.nextRoot();
    root.keys[next.id] = next.json;
    root.roles[role] = { keyids: [next.id], threshold: 1 };
    await publisher.publish({ root });
    await readAll(publisher);
    expect((await publisher.onlineKey(role)).id).toBe(next.id);
    const third = await publisher.onlineKey(role, 'POST');
    expect([before, next.id]).not.toContain(third.id);
  });

  it('of a root that lists two of ours is the first it lists', async () => {
    const publisher = await Publisher.begin(world, 'keys/two');
    const [first, second] = [listed(publisher, 'timestamp'), await publisher.onlineKey('timestamp', 'POST')];
    const root = publisher.nextRoot();
    root.keys[second.id] = second.json;
    root.roles['timestamp'] = { keyids: [second.id, first], threshold: 2 };
    await publisher.publish({ root });
    expect((await readAll(publisher)).versions).toMatchObject({ root: 2 });
    expect((await publisher.onlineKey('timestamp')).id).toBe(second.id);
  });
});
