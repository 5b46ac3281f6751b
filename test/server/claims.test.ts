import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newKey } from '../simulator/keys.js';
import type { TargetsDoc } from '../simulator/documents.js';
import { Publisher } from '../support/publisher.js';
import { StockClient } from '../support/readers.js';
import { expectCode, expectRefused } from '../support/refused.js';
import { World } from '../support/world.js';

describe('whoever holds one delegated key', () => {
  let world: World;
  let names = 0;

  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(async () => {
    await world.stop();
  });

  /** Top-level targets delegate m/* to mallory and t/* to team. */
  async function begin(): Promise<Publisher> {
    const publisher = await Publisher.begin(world, `claims/${++names}`);
    const targets = publisher.next();
    const mallory = publisher.delegate(targets, 'mallory', { paths: ['m/*'] });
    const team = publisher.delegate(targets, 'team', { paths: ['t/*'] });
    publisher.list(team, 't/file', 'by team');
    await publisher.publish({ targets, mallory, team });
    return publisher;
  }

  /** Has `by` delegate to a role with the keys it has now. */
  function nameAgain(publisher: Publisher, by: TargetsDoc, role: string): void {
    const keys = publisher.signers.get(role) ?? [];
    by.delegations ??= { keys: {}, roles: [] };
    for (const key of keys) by.delegations.keys[key.id] = key.json;
    by.delegations.roles?.push({
      name: role,
      keyids: keys.map(({ id }) => id),
      threshold: 1,
      terminating: false,
      paths: ['m/x'],
    });
  }

  /** The next top-level targets, with a new key for `role`, whose next file it signs. */
  function rotate(publisher: Publisher, role: string): TargetsDoc {
    const targets = publisher.next();
    const key = newKey();
    const listed = targets.delegations?.roles?.find(({ name }) => name === role);
    if (listed === undefined || targets.delegations === undefined) throw new Error(`nobody delegates to ${role}`);
    listed.keyids = [key.id];
    targets.delegations.keys = Object.fromEntries([
      ...Object.entries(targets.delegations.keys).filter(([id]) =>
        targets.delegations?.roles?.some(({ keyids }) => keyids.includes(id)),
      ),
      [key.id, key.json],
    ]);
    publisher.signers.set(role, [key]);
    return targets;
  }

  it('cannot name a sibling, and so has no say in the rotation of its key', async () => {
    const publisher = await begin();
    const mallory = publisher.next('mallory');
    nameAgain(publisher, mallory, 'team');
    for (const abandon of [[], ['team']]) {
      await expectRefused(
        publisher,
        publisher.signAll({ mallory }),
        'delegation',
        { role: 'team', owner: 'targets' },
        {
          abandon,
        },
      );
    }
    await publisher.publish({ targets: rotate(publisher, 'team'), team: publisher.next('team') });
  });

  it('cannot name what a sibling delegates to, though it comes before it', async () => {
    const publisher = await begin();
    const team = publisher.next('team');
    const backend = publisher.delegate(team, 'backend', { paths: ['t/*'] });
    await publisher.publish({ team, backend });
    const mallory = publisher.next('mallory');
    nameAgain(publisher, mallory, 'backend');
    await expectRefused(publisher, publisher.signAll({ mallory }), 'delegation', { role: 'backend', owner: 'team' });
  });

  it('cannot keep a name for itself that top-level targets come to need', async () => {
    const publisher = await begin();
    const mallory = publisher.next('mallory');
    const squatted = publisher.delegate(mallory, 'release', { paths: ['m/y'] });
    await publisher.publish({ mallory, release: squatted });

    const targets = publisher.next();
    const release = { ...publisher.delegate(targets, 'release', { paths: ['r/*'] }), version: 2 };
    publisher.list(release, 'r/file', 'released');
    const files = publisher.signAll({ targets, release });
    await expectRefused(publisher, files, 'delegation', { role: 'release', delegator: 'mallory' });
    expect(await publisher.post(files, { abandon: ['release'] })).toMatchObject({ status: 200 });
    publisher.adopt({ targets, release });

    // What mallory lists for it by now holds up nobody, and costs stock clients nothing outside mallory's own paths.
    const next = publisher.next('release');
    publisher.list(next, 'r/more', 'released');
    await publisher.publish({ release: next });
    const client = await StockClient.refreshed(publisher);
    try {
      for (const path of ['r/file', 'r/more', 't/file']) expect(await client.find(path)).toBeDefined();
    } finally {
      await client.close();
    }
  });

  it('cannot publish a role of its name under a key of its own once it has an owner', async () => {
    const publisher = await begin();
    const mallory = publisher.next('mallory');
    const own = newKey();
    const team = publisher.next('team');
    mallory.delegations = {
      keys: { [own.id]: own.json },
      roles: [{ name: 'team', keyids: [own.id], threshold: 1, terminating: false, paths: ['m/x'] }],
    };
    const files = { ...publisher.signAll({ mallory }), team: publisher.sign('team', team, [own]) };
    await expectRefused(publisher, files, 'threshold', { role: 'team' }, { abandon: ['team'] });
  });

  it('cannot stop everybody by naming a role that does not exist', async () => {
    const publisher = await begin();
    const mallory = publisher.next('mallory');
    publisher.delegate(mallory, 'ghost', { paths: ['m/*'] });
    expect(await publisher.post(publisher.signAll({ mallory }), { abandon: ['ghost'] })).toMatchObject({ status: 200 });
    publisher.adopt({ mallory });
    await publisher.publish({ team: publisher.next('team') });
    await publisher.publish({ targets: publisher.next() });
  });

  it('is named by others once its owner agrees, and the owner can still go its own way', async () => {
    const publisher = await begin();
    const mallory = publisher.next('mallory');
    nameAgain(publisher, mallory, 'team');
    await publisher.publish({ targets: publisher.next(), mallory });

    const files = publisher.signAll({ targets: rotate(publisher, 'team'), team: publisher.next('team') });
    expectCode(await publisher.post(files), 'delegation', { role: 'team', delegator: 'mallory' });
    expect(await publisher.post(files, { abandon: ['team'] })).toMatchObject({ status: 200 });
  });

  it('heals its own delegation, or does not publish', async () => {
    const publisher = await begin();
    const mallory = publisher.next('mallory');
    nameAgain(publisher, mallory, 'team');
    await publisher.publish({ targets: publisher.next(), mallory });
    const docs = { targets: rotate(publisher, 'team'), team: publisher.next('team') };
    await publisher.publish(docs, { abandon: ['team'] });
    const stale = publisher.next('mallory');
    await expectRefused(publisher, publisher.signAll({ mallory: stale }), 'delegation', { role: 'team' });
    delete stale.delegations;
    nameAgain(publisher, stale, 'team');
    await publisher.publish({ mallory: stale });
  });
});
