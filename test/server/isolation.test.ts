import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../simulator/keys.js';
import { Publisher } from '../support/publisher.js';
import { readAll } from '../support/readers.js';
import { expectCode, expectRefused } from '../support/refused.js';
import { World } from '../support/world.js';

describe('collections beside one another', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(async () => {
    await world.stop();
  });

  it("nothing leaks: another collection's files are not there", async () => {
    const mine = await Publisher.begin(world, 'isolation/mine', { 'secret.txt': 'secret' });
    const targets = mine.next();
    await mine.publish({ targets, team: mine.delegate(targets, 'team') });
    const other = await Publisher.begin(world, 'isolation/other');
    const hashed = `${sha256('secret')}.secret.txt`;
    expect(await mine.read(hashed, 'targets')).toBe('secret');
    expect(await other.read(hashed, 'targets')).toBe(404);
    for (const file of ['1.team.json', 'team.json', '2.targets.json', '2.snapshot.json']) {
      expect(await mine.read(file), file).toBeTypeOf('string');
      expect(await other.read(file), file).toBe(404);
    }
    const nobody = new Publisher(world, 'isolation');
    for (const file of ['timestamp.json', '1.root.json', 'targets.json']) expect(await nobody.read(file)).toBe(404);
  });

  it("another collection's target file does not count as hosted", async () => {
    await Publisher.begin(world, 'isolation/has', { 'a.txt': 'only here' });
    const other = await Publisher.begin(world, 'isolation/has-not');
    const targets = other.next();
    other.list(targets, 'a.txt', 'only here');
    const hashes = [sha256('only here')];
    await expectRefused(other, other.signAll({ targets }), 'missing-target', { hashes }, { targets: 'hosted' });
    await other.upload('a.txt', 'only here');
    await other.publish({ targets }, { targets: 'hosted' });
    expect((await readAll(other)).contents).toEqual({ 'a.txt': 'only here' });
  });

  it('metadata of one collection published to another', async () => {
    const mine = new Publisher(world, 'isolation/source');
    const files = mine.signAll(await mine.first());
    const thief = new Publisher(world, 'isolation/thief');
    await thief.onlineKey('timestamp');
    await expectRefused(thief, files, 'wrong-key');
    expect(await mine.post(files)).toMatchObject({ status: 200 });
    await expectRefused(thief, files, 'wrong-key');
  });

  it('a target whose bytes are not those of its hash', async () => {
    const publisher = await Publisher.begin(world, 'isolation/wrong-bytes');
    const name = `${sha256('right')}.a.txt`;
    const url = `${world.url}/v2/${publisher.gun}/_trust/targets/${name}`;
    const answer = await fetch(url, { method: 'PUT', body: 'wrong' });
    expectCode({ status: answer.status, body: await answer.json() }, 'arbitrary-software');
    expect(await publisher.read(name, 'targets')).toBe(404);
  });
});

describe('uploads over a limit', () => {
  let world: World;
  let publisher: Publisher;
  beforeAll(async () => {
    const policy = { maxRoot: 4_096, maxTargets: 8_192, maxRoles: 3, maxTargetFile: 1_000, maxUnnamedBytes: 1_500 };
    world = await World.start({ server: { policy, limits: { parts: 6 } } });
    publisher = await Publisher.begin(world, 'limits');
  });
  afterAll(async () => {
    await world.stop();
  });

  it('a root too large', async () => {
    const root = { ...publisher.nextRoot(), padding: 'x'.repeat(5_000) };
    await expectRefused(publisher, { root: publisher.sign('root', root) }, 'too-large', { role: 'root', limit: 4_096 });
  });

  it('targets too large', async () => {
    const targets = { ...publisher.next(), padding: 'x'.repeat(8_192) };
    await expectRefused(publisher, { targets: publisher.sign('targets', targets) }, 'too-large', {
      role: 'targets',
      limit: 8_192,
    });
  });

  it('too many roles in one upload', async () => {
    const docs = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, publisher.empty()]));
    await expectRefused(publisher, publisher.signAll(docs), 'too-many', { limit: 3 });
  });

  it('too many parts in one form', async () => {
    const docs = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => [name, publisher.empty()]));
    await expectRefused(publisher, publisher.signAll(docs), 'too-many', { limit: 6 });
  });

  it('too many roles in the collection', async () => {
    const targets = publisher.next();
    const docs = { a: publisher.delegate(targets, 'a'), b: publisher.delegate(targets, 'b') };
    await publisher.publish({ targets, ...docs });
    const next = publisher.next();
    const c = publisher.delegate(next, 'c');
    await expectRefused(publisher, publisher.signAll({ targets: next, c }), 'too-many', { limit: 3 });
  });

  it('a target file too large', async () => {
    expectCode(await publisher.upload('big', 'x'.repeat(1_001)), 'too-large', { limit: 1_000 });
  });

  it('too many bytes nobody names', async () => {
    expect(await publisher.upload('one', '1'.repeat(900))).toMatchObject({ status: 201 });
    expectCode(await publisher.upload('two', '2'.repeat(900)), 'too-large');
    expect(await publisher.upload('three', '3'.repeat(500))).toMatchObject({ status: 201 });
  });
});
