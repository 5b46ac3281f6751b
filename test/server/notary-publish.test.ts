import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certifiedKey, newNotaryKey, target, type NotaryKey } from '../simulator/notary.js';
import { NO_JOBS } from '../support/by-hand.js';
import { NotaryPublisher, outcome } from '../support/notary-publisher.js';
import { CachingReader } from '../support/caching-reader.js';
import { World } from '../support/world.js';
import { list } from './support/notary-cases.js';

let world: World;
let names = 0;
beforeAll(async () => {
  world = await World.start({ server: NO_JOBS });
});
afterAll(() => world.stop());

const begin = (options?: Parameters<NotaryPublisher['draft']>[0]): Promise<NotaryPublisher> =>
  NotaryPublisher.begin(world, `publish/${++names}`, options);

/** The next root with other keys for a role, published and remembered. */
async function rotate(publisher: NotaryPublisher, role: string, ...keys: readonly NotaryKey[]): Promise<void> {
  const document = publisher.nextRoot((next) => list(next, role, ...keys));
  const old = publisher.signers.get('root')!;
  if (role === 'snapshot') [publisher.snapshotKey] = keys;
  const signers = role === 'root' ? [...keys, ...old] : old;
  await publisher.publish(publisher.withSnapshot({ root: publisher.sign('root', document, ...signers) }));
  publisher.root = document;
  if (role === 'root') publisher.signers.set('root', [...keys]);
}

describe('a first publish', () => {
  it.each([
    [1, 1],
    [1, 2],
    [2, 1],
    [2, 7],
  ])('with root %i and targets %i is taken, and readers get it', async (root, targets) => {
    const publisher = new NotaryPublisher(world, `publish/${++names}`);
    await publisher.draft();
    publisher.root.version = root;
    publisher.documents.get('targets')!.version = targets;
    await publisher.publish(publisher.firstFiles());
    expect(await new CachingReader(publisher).versions()).toEqual({ root, targets, snapshot: 1, timestamp: 1 });
  });

  it('with a snapshot of the publisher keeps the version it has', async () => {
    const publisher = new NotaryPublisher(world, `publish/${++names}`);
    await publisher.draft({ snapshots: 'client' });
    publisher.snapshotVersion = 1;
    await publisher.publish(publisher.firstFiles());
    expect(await new CachingReader(publisher).versions()).toMatchObject({ snapshot: 2, timestamp: 1 });
  });
});

describe('snapshots', () => {
  it('of the server follow each upload, and list what was sent as it was sent', async () => {
    const publisher = await begin();
    const pretty = Buffer.from(
      JSON.stringify(JSON.parse(Buffer.from(publisher.advance('targets')).toString()), null, 1),
    );
    await publisher.publish({ targets: pretty });
    expect(await new CachingReader(publisher).versions()).toMatchObject({ targets: 2, snapshot: 2, timestamp: 2 });
    expect(await publisher.read('targets.json')).toBe(pretty.toString());
  });

  it('move from the publisher to the server: a root that lists its key, and nothing else', async () => {
    const publisher = await begin({ snapshots: 'client' });
    const key = await publisher.onlineKey('snapshot', 'POST');
    expect((await publisher.onlineKey('snapshot')).id).toBe(key.id);
    const document = publisher.nextRoot((next) => list(next, 'snapshot', key));
    await publisher.publish({ root: publisher.sign('root', document) });
    expect(await new CachingReader(publisher).versions()).toMatchObject({ root: 2, snapshot: 2, timestamp: 2 });
    publisher.snapshotKey = undefined;
    await publisher.publish({ targets: publisher.advance('targets') });
    expect(await new CachingReader(publisher).versions()).toMatchObject({ targets: 2, snapshot: 3, timestamp: 3 });
  });

  it('move from the server to the publisher, above the versions there were', async () => {
    const publisher = await begin();
    await publisher.publish({ targets: publisher.advance('targets') });
    publisher.snapshotVersion = 2;
    await rotate(publisher, 'snapshot', newNotaryKey());
    expect(await new CachingReader(publisher).versions()).toMatchObject({ root: 2, snapshot: 3 });
    expect(outcome(await publisher.post({ targets: publisher.advance('targets') }))).toBe(
      '400 INVALID_UPDATE ErrBadHierarchy',
    );
  });

  it('below what was published are refused, whoever signs them', async () => {
    const publisher = await begin();
    await publisher.publish({ targets: publisher.advance('targets') });
    const key = newNotaryKey();
    publisher.snapshotKey = key;
    const document = publisher.nextRoot((next) => list(next, 'snapshot', key));
    const files = publisher.withSnapshot({ root: publisher.sign('root', document) });
    expect(outcome(await publisher.post(files))).toBe('400 VERSION');
  });
});

describe('delegations', () => {
  /** A collection with a role `targets/dave` that has a target. */
  async function delegated(options?: Parameters<NotaryPublisher['draft']>[0]): Promise<NotaryPublisher> {
    const publisher = await begin(options);
    const targets = publisher.advance('targets', (next) => publisher.delegate(next, 'targets/dave'));
    const dave = publisher.advance('targets/dave', (next) => (next.targets['d'] = target('d')));
    await publisher.publish(publisher.withSnapshot({ targets, 'targets/dave': dave }));
    return publisher;
  }

  it('let somebody publish who holds a delegated key and nothing else', async () => {
    const publisher = await delegated();
    const collaborator = new NotaryPublisher(world, publisher.gun);
    collaborator.signers.set('targets/dave', publisher.signers.get('targets/dave')!);
    collaborator.documents.set('targets/dave', publisher.documents.get('targets/dave')!);
    await collaborator.publish({ 'targets/dave': collaborator.advance('targets/dave') });
    expect(await new CachingReader(publisher).versions()).toMatchObject({ targets: 2, snapshot: 3 });
    expect((await publisher.signed('targets/dave.json')).version).toBe(2);
  });

  it('that were never published are 404, as roles that nobody knows are', async () => {
    const publisher = await begin();
    await publisher.publish({ targets: publisher.advance('targets', (next) => publisher.delegate(next, 'targets/a')) });
    for (const name of ['targets/a.json', 'targets/zzz.json', '1.targets/a.json'])
      expect([name, await publisher.read(name)]).toEqual([name, 404]);
  });

  it('of a role below another: both at once, then the lower one alone', async () => {
    const publisher = await delegated();
    const dave = publisher.advance('targets/dave', (next) => publisher.delegate(next, 'targets/dave/sub'));
    await publisher.publish({ 'targets/dave': dave, 'targets/dave/sub': publisher.advance('targets/dave/sub') });
    await publisher.publish({ 'targets/dave/sub': publisher.advance('targets/dave/sub') });
    expect((await publisher.signed('2.targets/dave/sub.json')).version).toBe(2);
    expect(Object.keys((await publisher.signed('snapshot.json')).meta)).toContain('targets/dave/sub');
  });

  it('that were removed stay in a snapshot of the server, and come back above their version', async () => {
    const publisher = await delegated();
    const key = publisher.signers.get('targets/dave')![0]!;
    const listed = publisher.documents.get('targets')!.delegations;
    await publisher.publish({ targets: publisher.advance('targets', (next) => (next.delegations!.roles = null)) });
    expect((await publisher.signed('targets/dave.json')).version).toBe(1);
    const back = publisher.advance('targets', (next) => (next.delegations = listed!));
    await publisher.publish({ targets: back });
    const again = { ...publisher.documents.get('targets/dave')!, expires: publisher.days(500) };
    expect(outcome(await publisher.post({ 'targets/dave': publisher.sign('targets/dave', again, key) }))).toBe(
      '400 VERSION',
    );
    await publisher.publish({ 'targets/dave': publisher.advance('targets/dave') });
    expect((await publisher.signed('targets/dave.json')).version).toBe(2);
  });

  it('that left a snapshot of the publisher cannot come back at a version they have had', async () => {
    const publisher = await delegated({ snapshots: 'client' });
    const listed = publisher.documents.get('targets')!.delegations;
    publisher.files.delete('targets/dave');
    const without = publisher.advance('targets', (next) => delete next.delegations);
    await publisher.publish(publisher.withSnapshot({ targets: without }));
    expect(await publisher.read('targets/dave.json')).toBe(404);
    const targets = publisher.advance('targets', (next) => (next.delegations = listed!));
    const first = { ...publisher.documents.get('targets/dave')!, expires: publisher.days(500) };
    const files = { targets, 'targets/dave': publisher.sign('targets/dave', first) };
    expect(outcome(await publisher.post(publisher.withSnapshot(files)))).toBe('400 VERSION');
    const above = { targets, 'targets/dave': publisher.advance('targets/dave') };
    await publisher.publish(publisher.withSnapshot(above));
    expect((await publisher.signed('targets/dave.json')).version).toBe(2);
  });

  it.each([
    ['without keys', (next: { keyids: string[] | null }) => (next.keyids = null)],
    ['without paths', (next: { paths?: string[] | null }) => delete next.paths],
    ['with no paths', (next: { paths?: string[] | null }) => (next.paths = [])],
  ])('%s are taken, and hold up nobody', async (_, change) => {
    const publisher = await delegated();
    const without = publisher.advance('targets', (next) => void change(next.delegations!.roles![0]!));
    await publisher.publish({ targets: without });
    await publisher.publish({ targets: publisher.advance('targets') });
    expect(await new CachingReader(publisher).versions()).toMatchObject({ targets: 4 });
  });
});

describe('online keys', () => {
  it('that nobody has used are given again, by either method, each role its own', async () => {
    const publisher = new NotaryPublisher(world, `publish/${++names}`);
    const ids = async (role: 'timestamp' | 'snapshot'): Promise<string[]> => {
      const keys = [];
      for (const method of ['GET', 'GET', 'POST', 'POST']) keys.push(await publisher.onlineKey(role, method));
      return keys.map(({ id }) => id);
    };
    const [timestamp, snapshot] = [await ids('timestamp'), await ids('snapshot')];
    expect([new Set(timestamp).size, new Set(snapshot).size]).toEqual([1, 1]);
    expect(timestamp[0]).not.toBe(snapshot[0]);
  });

  it('asked for by many at once are one', async () => {
    const publisher = new NotaryPublisher(world, `publish/${++names}`);
    const keys = await Promise.all(Array.from({ length: 8 }, () => publisher.onlineKey('timestamp')));
    expect(new Set(keys.map(({ id }) => id)).size).toBe(1);
  });

  it('are P-256 keys as Notary writes them', async () => {
    const { json } = await new NotaryPublisher(world, `publish/${++names}`).onlineKey('timestamp');
    expect(json).toMatchObject({ keytype: 'ecdsa', keyval: { private: null } });
    expect(Buffer.from(json.keyval.public, 'base64')).toHaveLength(91);
  });

  it('rotate forth and back: POST gives one that is not in use until it is, GET the one in use', async () => {
    const publisher = await begin();
    const first = await publisher.onlineKey('timestamp');
    const next = await publisher.onlineKey('timestamp', 'POST');
    expect(next.id).not.toBe(first.id);
    expect([await publisher.onlineKey('timestamp', 'POST'), await publisher.onlineKey('timestamp')]).toMatchObject([
      { id: next.id },
      { id: first.id },
    ]);
    await rotate(publisher, 'timestamp', next);
    expect((await publisher.onlineKey('timestamp')).id).toBe(next.id);
    expect((await publisher.onlineKey('timestamp', 'POST')).id).not.toBe(next.id);
    await rotate(publisher, 'timestamp', first);
    expect(await new CachingReader(publisher).versions()).toEqual({ root: 3, timestamp: 3, snapshot: 3, targets: 1 });
  });

  it.each(['another collection', 'another role'])('of %s are refused, where the Go server takes them', async (what) => {
    const publisher = await begin();
    const other = what === 'another role' ? publisher : new NotaryPublisher(world, `publish/${++names}`);
    const key = await other.onlineKey(what === 'another role' ? 'snapshot' : 'timestamp');
    const document = publisher.nextRoot((next) => list(next, 'timestamp', key));
    const answer = await publisher.post({ root: publisher.sign('root', document) });
    expect(outcome(answer)).toBe('400 INVALID_UPDATE ErrBadRoot');
  });
});

describe('roots', () => {
  it('rotate several times, and a reader who missed it all walks them', async () => {
    const publisher = await begin();
    const reader = new CachingReader(publisher);
    await reader.refresh();
    for (let turn = 0; turn < 3; turn += 1) await rotate(publisher, 'root', certifiedKey({ cn: publisher.gun }));
    expect(await reader.versions()).toMatchObject({ root: 4 });
    for (const version of [1, 2, 3, 4]) expect((await publisher.signed(`${version}.root.json`)).version).toBe(version);
    expect(await publisher.read('5.root.json')).toBe(404);
    expect(await publisher.read('0.root.json')).toBe(404);
  });

  it('with another targets key come with targets that it signs', async () => {
    const publisher = await begin();
    const key = newNotaryKey();
    const document = publisher.nextRoot((next) => list(next, 'targets', key));
    publisher.signers.set('targets', [key]);
    await publisher.publish({ root: publisher.sign('root', document), targets: publisher.advance('targets') });
    expect(await new CachingReader(publisher).versions()).toMatchObject({ root: 2, targets: 2 });
  });
});

it('a root that leaves the published targets unverifiable is refused, where the Go server takes it', async () => {
  const publisher = await begin();
  const document = publisher.nextRoot((next) => list(next, 'targets', newNotaryKey()));
  expect(outcome(await publisher.post({ root: publisher.sign('root', document) }))).toBe(
    '400 INVALID_UPDATE ErrBadTargets',
  );
});

describe('publishers at the same moment', () => {
  it('of the same role: one is published, the others are told VERSION, nobody 500', async () => {
    const publisher = await begin();
    const uploads = Array.from({ length: 6 }, (_, index) =>
      publisher.sign(
        'targets',
        publisher.next('targets', (next) => (next.targets[`t${index}`] = target('t'))),
      ),
    );
    const answers = await Promise.all(uploads.map((targets) => publisher.post({ targets })));
    expect(answers.map(outcome).sort()).toEqual(['200', ...Array.from({ length: 5 }, () => '400 VERSION')]);
  });
});
