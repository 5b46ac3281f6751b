import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonical, type RootDoc, type TargetsDoc } from '../simulator/documents.js';
import { newKey, relabelled, sha256 } from '../simulator/keys.js';
import { Publisher } from '../support/publisher.js';
import { readAll } from '../support/readers.js';
import { expectRefused } from '../support/refused.js';
import { World } from '../support/world.js';

/** `file` with one character of its `signed` part changed, still well-formed JSON. */
function changed(file: Uint8Array): Uint8Array {
  const text = Buffer.from(file).toString();
  return Buffer.from(text.replace('"spec_version":"1.0.34"', '"spec_version":"1.0.33"'));
}

describe('an attacker who publishes', () => {
  let world: World;
  let names = 0;
  const begin = (contents = {}): Promise<Publisher> => Publisher.begin(world, `attacks/${++names}`, contents);
  /** As `begin`, with a delegated role published beside root and targets. */
  const beginWithTeam = async (): Promise<Publisher> => {
    const publisher = await begin();
    const targets = publisher.next();
    await publisher.publish({ targets, team: publisher.delegate(targets, 'team') });
    return publisher;
  };
  const nextOf = (publisher: Publisher, role: string): RootDoc | TargetsDoc =>
    role === 'root' ? publisher.nextRoot() : publisher.next(role);

  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(async () => {
    await world.stop();
  });

  describe('with bad signatures', () => {
    it.each(['root', 'targets'])('a changed byte in the first %s', async (role) => {
      const publisher = new Publisher(world, `attacks/${++names}`);
      const files = publisher.signAll(await publisher.first());
      const file = files[role];
      if (file === undefined) throw new Error(`no ${role}`);
      await expectRefused(publisher, { ...files, [role]: changed(file) }, 'threshold', { role });
      expect((await publisher.post(files)).status).toBe(200);
    });

    it('a changed byte in the next root, targets and delegated role', async () => {
      const publisher = await beginWithTeam();
      const next = { root: publisher.nextRoot(), targets: publisher.next(), team: publisher.next('team') };
      const files = publisher.signAll(next);
      for (const [role, file] of Object.entries(files)) {
        await expectRefused(publisher, { ...files, [role]: changed(file) }, 'threshold', { role });
      }
      await publisher.publish(next);
    });

    it.each(['root', 'targets', 'team'])('a stranger signs %s', async (role) => {
      const publisher = await beginWithTeam();
      const stranger = newKey();
      const next = nextOf(publisher, role);
      await expectRefused(publisher, { [role]: publisher.sign(role, next, [stranger]) }, 'threshold', { role });
      // Under the right key's id, too.
      const posing = (publisher.signers.get(role) ?? []).map((key) => ({ ...stranger, id: key.id }));
      await expectRefused(publisher, { [role]: publisher.sign(role, next, posing) }, 'threshold', { role });
    });

    it.each(['root', 'targets'])('the %s key signs a delegated role', async (role) => {
      const publisher = await beginWithTeam();
      const team = publisher.sign('team', publisher.next('team'), publisher.signers.get(role));
      await expectRefused(publisher, { team }, 'threshold', { role: 'team' });
    });

    it('a delegated key signs targets', async () => {
      const publisher = await beginWithTeam();
      const targets = publisher.sign('targets', publisher.next(), publisher.signers.get('team'));
      await expectRefused(publisher, { targets }, 'threshold', { role: 'targets' });
    });

    it('the targets key signs root, and the root key signs targets', async () => {
      const publisher = await begin();
      const { root = [], targets = [] } = Object.fromEntries(publisher.signers);
      await expectRefused(publisher, { root: publisher.sign('root', publisher.nextRoot(), targets) }, 'threshold');
      await expectRefused(publisher, { targets: publisher.sign('targets', publisher.next(), root) }, 'threshold');
    });

    it('a new root signed by its own new key, but not by the old one', async () => {
      const publisher = await begin();
      const root = publisher.nextRoot();
      const key = newKey();
      Object.assign(root, { keys: { ...root.keys, [key.id]: key.json } });
      Object.assign(root.roles, { root: { keyids: [key.id], threshold: 1 } });
      await expectRefused(publisher, { root: publisher.sign('root', root, [key]) }, 'threshold', { role: 'root' });
    });

    it('a new root signed by the old key, but not by its own', async () => {
      const publisher = await begin();
      const root = publisher.nextRoot();
      const key = newKey();
      Object.assign(root, { keys: { ...root.keys, [key.id]: key.json } });
      Object.assign(root.roles, { root: { keyids: [key.id], threshold: 1 } });
      await expectRefused(publisher, { root: publisher.sign('root', root) }, 'threshold', { role: 'root' });
    });

    it('one key signs twice under a threshold of two', async () => {
      const publisher = await begin();
      const [own = newKey()] = publisher.signers.get('targets') ?? [];
      const second = newKey();
      const root = publisher.nextRoot();
      root.keys[second.id] = second.json;
      Object.assign(root.roles, { targets: { keyids: [own.id, second.id], threshold: 2 } });
      const targets = publisher.next();
      const files = publisher.signAll({ root });
      await expectRefused(
        publisher,
        { ...files, targets: publisher.sign('targets', targets, [own, own]) },
        'malformed',
      );
      await expectRefused(publisher, { ...files, targets: publisher.sign('targets', targets, [own]) }, 'threshold');
      publisher.signers.set('targets', [own, second]);
      await publisher.publish({ root, targets });
    });

    it('one key under two ids reaches for a threshold of two', async () => {
      const publisher = await begin();
      const [own = newKey()] = publisher.signers.get('targets') ?? [];
      const again = relabelled(own);
      const root = publisher.nextRoot();
      root.keys[again.id] = again.json;
      Object.assign(root.roles, { targets: { keyids: [own.id, again.id], threshold: 2 } });
      const targets = publisher.sign('targets', publisher.next(), [own, again]);
      await expectRefused(publisher, { ...publisher.signAll({ root }), targets }, 'threshold');
    });

    it.each([0, -1, 1.5])('a threshold of %s', async (threshold) => {
      const publisher = await begin();
      const root = publisher.nextRoot();
      Object.assign(root.roles, { targets: { ...root.roles['targets'], threshold } });
      await expectRefused(publisher, publisher.signAll({ root }), 'malformed');
    });

    it('a threshold nobody can reach', async () => {
      const publisher = await begin();
      const root = publisher.nextRoot();
      Object.assign(root.roles, { targets: { ...root.roles['targets'], threshold: 2 } });
      await expectRefused(publisher, publisher.signAll({ root }), 'threshold');
    });

    it('a rotation of the targets key that leaves the published targets unverifiable', async () => {
      const publisher = await begin();
      const key = newKey();
      const root = publisher.nextRoot();
      root.keys[key.id] = key.json;
      Object.assign(root.roles, { targets: { keyids: [key.id], threshold: 1 } });
      await expectRefused(publisher, publisher.signAll({ root }), 'threshold', { role: 'targets' });
    });
  });

  describe('with wrong versions', () => {
    it.each([
      ['root', 3, 1],
      ['root', 1, 1],
      ['targets', 4, 2],
      ['targets', 2, 2],
      ['targets', 1, 2],
      ['team', 3, 1],
      ['team', 1, 1],
    ] as const)('%s version %i sent while %i is current', async (role, version, current) => {
      const publisher = await beginWithTeam();
      const doc = nextOf(publisher, role);
      // Another date, so that the current version is not the very file that is published.
      const file = publisher.sign(role, { ...doc, version, expires: publisher.days(80) });
      await expectRefused(publisher, { [role]: file }, 'conflict', { role, version, current });
    });

    it.each([2, 10])('a first root or targets of version %i', async (version) => {
      const publisher = new Publisher(world, `attacks/${++names}`);
      const { root, targets } = await publisher.first();
      for (const docs of [
        { root: { ...root, version }, targets },
        { root, targets: { ...targets, version } },
      ]) {
        await expectRefused(publisher, publisher.signAll(docs), 'conflict', { version, current: 0 });
      }
    });

    it.each([2, 10])('a first delegated role of version %i', async (version) => {
      const publisher = await begin();
      const targets = publisher.next();
      const team = { ...publisher.delegate(targets, 'team'), version };
      await expectRefused(publisher, publisher.signAll({ targets, team }), 'conflict', { role: 'team', version });
    });

    it('one good role beside one that rolls back: neither is stored', async () => {
      const publisher = await begin();
      const root = publisher.nextRoot();
      const files = publisher.signAll({
        root,
        targets: { ...publisher.next(), version: 1, expires: publisher.days(80) },
      });
      await expectRefused(publisher, files, 'conflict', { role: 'targets', version: 1, current: 1 });
      expect(await publisher.read('2.root.json')).toBe(404);
      await publisher.publish({ root });
    });

    it.each([0, -1, 1.5, 2 ** 53])('a version of %s', async (version) => {
      const publisher = await beginWithTeam();
      for (const role of ['root', 'targets', 'team'])
        await expectRefused(
          publisher,
          { [role]: publisher.sign(role, { ...nextOf(publisher, role), version }) },
          'malformed',
        );
    });

    it('the same bytes sent again after an answer was lost: taken, and nothing written', async () => {
      const publisher = await begin();
      const targets = publisher.next();
      const files = publisher.signAll({ targets });
      await publisher.publish({ targets });
      const before = await publisher.read('timestamp.json');
      expect(await publisher.post(files)).toMatchObject({ status: 200, body: { repeated: true } });
      expect(await publisher.read('timestamp.json')).toBe(before);
    });
  });

  describe('with wrong dates', () => {
    it.each(['root', 'targets', 'team'])('freezes clients with an expired %s', async (role) => {
      const publisher = await beginWithTeam();
      const doc = { ...nextOf(publisher, role), expires: publisher.days(-1) };
      await expectRefused(publisher, { [role]: publisher.sign(role, doc) }, 'freeze', { role });
    });

    it.each([
      ['root', 11 * 366],
      ['targets', 4 * 366],
      ['team', 4 * 366],
    ])('%s that lasts %i days', async (role, days) => {
      const publisher = await beginWithTeam();
      const doc = { ...nextOf(publisher, role), expires: publisher.days(days) };
      await expectRefused(publisher, { [role]: publisher.sign(role, doc) }, 'lifetime', { role });
    });

    it.each([
      '2099',
      'abc',
      '2030-02-30T00:00:00Z',
      '2030-01-01',
      '2028-01-01T00:00:00.5Z',
      '2028-01-01T00:00:00+01:00',
    ])('an expiry of %j', async (expires) => {
      const publisher = await begin();
      await expectRefused(
        publisher,
        { targets: publisher.sign('targets', { ...publisher.next(), expires }) },
        'malformed',
      );
    });
  });

  describe('with wrong keys in a root', () => {
    it("a stranger's timestamp key", async () => {
      const publisher = new Publisher(world, `attacks/${++names}`);
      const { root, targets } = await publisher.first();
      const stranger = newKey();
      root.keys[stranger.id] = stranger.json;
      Object.assign(root.roles, { timestamp: { keyids: [stranger.id], threshold: 1 } });
      await expectRefused(publisher, publisher.signAll({ root, targets }), 'wrong-key', { role: 'timestamp' });
    });

    it("a stranger's timestamp key beside the server's", async () => {
      const publisher = await begin();
      const root = publisher.nextRoot();
      const stranger = newKey();
      root.keys[stranger.id] = stranger.json;
      root.roles['timestamp']?.keyids.push(stranger.id);
      await expectRefused(publisher, publisher.signAll({ root }), 'wrong-key');
    });

    it.each(['timestamp', 'snapshot'] as const)("another collection's %s key", async (role) => {
      const other = await begin();
      const publisher = await begin();
      const root = publisher.nextRoot();
      const foreign = await other.onlineKey(role);
      root.keys[foreign.id] = foreign.json;
      Object.assign(root.roles, { [role]: { keyids: [foreign.id], threshold: 1 } });
      await expectRefused(publisher, publisher.signAll({ root }), 'wrong-key');
    });

    it('the snapshot key as timestamp key', async () => {
      const publisher = await begin();
      const root = publisher.nextRoot();
      Object.assign(root.roles, { timestamp: root.roles['snapshot'] });
      await expectRefused(publisher, publisher.signAll({ root }), 'wrong-key');
    });

    it('a key id that is not its key', async () => {
      const publisher = await begin();
      const key = newKey();
      const root = publisher.nextRoot();
      root.keys['ab'.repeat(32)] = key.json;
      Object.assign(root.roles, {
        targets: { keyids: [...(root.roles['targets']?.keyids ?? []), 'ab'.repeat(32)], threshold: 1 },
      });
      await expectRefused(publisher, publisher.signAll({ root }), 'wrong-key');
    });

    it('a key id without a key', async () => {
      const publisher = await begin();
      const root = publisher.nextRoot();
      root.roles['targets']?.keyids.push('cd'.repeat(32));
      await expectRefused(publisher, publisher.signAll({ root }), 'wrong-key');
    });

    it('a key of a type nobody knows', async () => {
      const publisher = await begin();
      const root = publisher.nextRoot();
      const json = { ...newKey().json, keytype: 'quantum' };
      const id = sha256(canonical(json));
      root.keys[id] = json;
      root.roles['targets']?.keyids.push(id);
      await expectRefused(publisher, publisher.signAll({ root }), 'unsupported');
    });

    it('consistent_snapshot false, or left out', async () => {
      const publisher = await begin();
      const root = publisher.nextRoot();
      const without = { ...root };
      Reflect.deleteProperty(without, 'consistent_snapshot');
      await expectRefused(
        publisher,
        { root: publisher.sign('root', { ...root, consistent_snapshot: false }) },
        'unsupported',
      );
      await expectRefused(publisher, { root: publisher.sign('root', without) }, 'unsupported');
    });
  });

  describe('with roles that are not its own', () => {
    it('uploads a timestamp', async () => {
      const publisher = await begin();
      const timestamp = Buffer.from(String(await publisher.read('timestamp.json')));
      await expectRefused(publisher, { timestamp }, 'forbidden-role', { role: 'timestamp' });
    });

    it('uploads a snapshot that the server makes', async () => {
      const publisher = await begin();
      const snapshot = Buffer.from(String(await publisher.read('1.snapshot.json')));
      const targets = publisher.sign('targets', publisher.next());
      await expectRefused(publisher, { targets, snapshot: changed(snapshot) }, 'forbidden-role', { role: 'snapshot' });
    });

    it('sends the same role twice', async () => {
      const publisher = await begin();
      const [a, b] = [
        publisher.sign('targets', publisher.next()),
        publisher.sign('targets', { ...publisher.next(), x: 1 }),
      ];
      const pairs = [
        ['targets', a],
        ['targets', b],
      ] as const;
      await expectRefused(publisher, pairs, 'duplicate-role', { role: 'targets' });
      const spelled = [
        ['targets', a],
        ['targets.json', b],
      ] as const;
      await expectRefused(publisher, spelled, 'duplicate-role', { role: 'targets' });
    });

    it('sends one role under the name of another', async () => {
      const publisher = await begin();
      await expectRefused(publisher, { targets: publisher.sign('root', publisher.nextRoot()) }, 'malformed', {
        role: 'targets',
      });
      await expectRefused(publisher, { root: publisher.sign('targets', publisher.next()) }, 'malformed', {
        role: 'root',
      });
    });
  });

  it('leaves the collection as it was for its clients', async () => {
    const publisher = await begin({ 'a.txt': 'a' });
    const before = await readAll(publisher);
    const stranger = publisher.next();
    stranger.targets = {};
    await expectRefused(publisher, { targets: publisher.sign('targets', stranger, [newKey()]) }, 'threshold');
    expect(await readAll(publisher)).toEqual(before);
    expect(before.contents).toEqual({ 'a.txt': 'a' });
  });
});
