import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseGun } from '@countersign/client/tuf';
import { certifiedKey, newNotaryKey, target, type NotaryKey } from '../simulator/notary.js';
import { ByHand, NO_JOBS } from '../support/by-hand.js';
import { CachingReader } from '../support/caching-reader.js';
import { byHash, bytes, historyOf, postImport, postPast, type Parts } from '../support/history.js';
import { NotaryPublisher, outcome } from '../support/notary-publisher.js';
import { Publisher } from '../support/publisher.js';
import { expectCode } from '../support/refused.js';
import { World } from '../support/world.js';
import { list } from './support/notary-cases.js';

const WEEK = 7 * 86_400;

let old: World;
let fresh: ByHand;
let names = 0;
beforeAll(async () => {
  fresh = await ByHand.start();
  // One clock for both, and signers of their own: neither holds the other's keys.
  old = await World.start({ server: NO_JOBS, clock: fresh.clock });
});
afterAll(async () => {
  await Promise.all([old.stop(), fresh.world.stop()]);
});

/** A collection on the old server, in its third version, with a delegation. */
async function begin(options?: Parameters<NotaryPublisher['draft']>[0]): Promise<NotaryPublisher> {
  const publisher = await NotaryPublisher.begin(old, `import/${++names}`, options);
  await publisher.publish(publisher.withSnapshot({ targets: publisher.advance('targets', (next) => add(next, 'a')) }));
  let key: NotaryKey | undefined;
  const targets = publisher.advance('targets', (next) => {
    key = publisher.delegate(next, 'targets/releases');
    add(next, 'b');
  });
  expect(key).toBeDefined();
  const releases = publisher.advance('targets/releases', (next) => add(next, 'c'));
  await publisher.publish(publisher.withSnapshot({ targets, 'targets/releases': releases }));
  return publisher;
}

const add = (document: { targets: Record<string, unknown> }, name: string): void => {
  document.targets[name] = target(name);
};

const range = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

const ROLES = ['targets', 'targets/releases'];

/** The same publisher, with everything it holds, in front of the new server. */
function moved(publisher: NotaryPublisher): NotaryPublisher {
  const self = new NotaryPublisher(fresh.world, publisher.gun);
  for (const member of ['signers', 'files', 'documents'] as const)
    for (const [name, value] of publisher[member]) (self[member] as Map<string, unknown>).set(name, value);
  return Object.assign(self, {
    root: publisher.root,
    snapshotKey: publisher.snapshotKey,
    snapshotVersion: publisher.snapshotVersion,
  });
}

/** The root that goes on here: this server's online keys, signed by the owner. */
async function nextRoot(publisher: NotaryPublisher): Promise<Uint8Array> {
  const here = moved(publisher);
  const keys = { timestamp: await here.onlineKey('timestamp'), snapshot: await here.onlineKey('snapshot') };
  publisher.root = publisher.nextRoot((next) => {
    list(next, 'timestamp', keys.timestamp);
    if (publisher.snapshotKey === undefined) list(next, 'snapshot', keys.snapshot);
  });
  return publisher.sign('root', publisher.root);
}

const send = (publisher: NotaryPublisher, history: Parts, next?: Parts) =>
  postImport(fresh.world.url, publisher.gun, history, next);

async function expectNothing(publisher: NotaryPublisher): Promise<void> {
  expect(await fresh.store.head(parseGun(publisher.gun))).toBeUndefined();
}

describe('a history with the root that follows it', () => {
  it('is served unchanged, and is signed here from then on, above all versions there were', async () => {
    const publisher = await begin();
    const history = await historyOf(publisher, ROLES);
    const reader = new CachingReader({ ...reading(publisher), where: old });
    const before = await reader.versions();
    const root = await nextRoot(publisher);
    const answer = await send(publisher, history, new Map([['root', root]]));
    expect(answer).toMatchObject({ status: 200, body: { state: 'signed-here', flawed: [], repeated: false } });
    const here = moved(publisher);
    expect(await here.read('1.root.json')).toBe(Buffer.from(history.get('1.root')!).toString());
    expect(await here.read('2.root.json')).toBe(Buffer.from(root).toString());
    for (const role of [...ROLES, 'snapshot'])
      expect(await here.read(byHash(role, history.get(role)!))).toBe(Buffer.from(history.get(role)!).toString());
    // Who has followed the collection on the old server follows it here, and notices nothing.
    reader.of = { ...reading(here), where: fresh.world };
    expect(await reader.versions()).toEqual({
      root: before.root + 1,
      timestamp: before.timestamp + 1,
      snapshot: before.snapshot + 1,
      targets: before.targets,
    });
    await here.publish({ targets: here.advance('targets', (next) => add(next, 'd')) });
    expect((await reader.versions()).targets).toBe(before.targets + 1);
  });

  it('keeps the snapshot with its owner, where it is theirs to sign', async () => {
    const publisher = await begin({ snapshots: 'client' });
    const history = await historyOf(publisher, ROLES);
    const next = new Map(Object.entries(publisher.withSnapshot({ root: await nextRoot(publisher) })));
    const answer = await send(publisher, history, next);
    expect(answer).toMatchObject({ status: 200, body: { state: 'signed-here' } });
    expect(await moved(publisher).read(byHash('snapshot', next.get('snapshot')!))).toBe(
      Buffer.from(next.get('snapshot')!).toString(),
    );
  });

  it('may be sent again after an answer was lost', async () => {
    const publisher = await begin();
    const history = await historyOf(publisher, ROLES);
    const next = new Map([['root', await nextRoot(publisher)]]);
    await send(publisher, history, next);
    expect(await send(publisher, history, next)).toMatchObject({ status: 200, body: { repeated: true } });
  });

  it('fails whole when any call of any port does, and can be sent again', async () => {
    const rehearsal = await begin();
    const sent = [await historyOf(rehearsal, ROLES), new Map([['root', await nextRoot(rehearsal)]])] as const;
    fresh.faults.reset();
    await send(rehearsal, ...sent);
    const calls = [...fresh.faults.calls];
    expect(calls).toContain('store.commit');
    for (const [number] of calls.entries()) {
      for (const when of ['before', 'after'] as const) {
        const publisher = await begin();
        const history = await historyOf(publisher, ROLES);
        const next = new Map([['root', await nextRoot(publisher)]]);
        fresh.faults.failAt(number, when);
        const answer = await send(publisher, history, next);
        fresh.faults.reset();
        const here = await fresh.store.head(parseGun(publisher.gun));
        if (answer.status === 200) expect(here, `acknowledged, then lost: call ${number}, ${when}`).toBeDefined();
        expect((await send(publisher, history, next)).status, `again after ${number}, ${when}`).toBe(200);
        expect((await fresh.store.head(parseGun(publisher.gun)))?.root.version).toBe(2);
      }
    }
  }, 120_000);

  it.each<[string, (publisher: NotaryPublisher) => Promise<Uint8Array>, string]>([
    ['the old keys', async (at) => at.sign('root', at.nextRoot()), 'wrong-key'],
    ['a signature by somebody else', async (at) => forgedRoot(at), 'threshold'],
    ['a version too many', async (at) => at.sign('root', { ...at.nextRoot(), version: 3 }), 'conflict'],
  ])('is refused where that root has %s', async (_, make, code) => {
    const publisher = await begin();
    const history = await historyOf(publisher, ROLES);
    expectCode(await send(publisher, history, new Map([['root', await make(publisher)]])), code as never);
    await expectNothing(publisher);
  });

  it('takes no targets along', async () => {
    const publisher = await begin();
    const history = await historyOf(publisher, ROLES);
    const next = new Map([
      ['root', await nextRoot(publisher)],
      ['targets', publisher.advance('targets')],
    ]);
    expectCode(await send(publisher, history, next), 'bad-upload');
    await expectNothing(publisher);
  });
});

async function forgedRoot(publisher: NotaryPublisher): Promise<Uint8Array> {
  await nextRoot(publisher);
  return publisher.sign('root', publisher.root, certifiedKey({ cn: publisher.gun }));
}

function reading(publisher: NotaryPublisher): { gun: string; read: (name: string) => Promise<string | number> } {
  return { gun: publisher.gun, read: (name) => publisher.read(name) };
}

describe('a history alone', () => {
  it('is a mirror: every byte is served, and publishing is refused with the reason', async () => {
    const publisher = await begin();
    const history = await historyOf(publisher, ROLES);
    expect(await send(publisher, history)).toMatchObject({ status: 200, body: { state: 'mirror' } });
    const here = moved(publisher);
    expect(await here.read('timestamp.json')).toBe(Buffer.from(history.get('timestamp')!).toString());
    const refused = await here.post({ targets: here.advance('targets') });
    expect(refused.status).toBe(400);
    expect(refused.body).toContain('read-only copy');
    expect(await here.read('timestamp.json')).toBe(Buffer.from(history.get('timestamp')!).toString());
  });

  it('becomes a collection of this server by a root that names its keys, published like any other', async () => {
    const publisher = await begin();
    const history = await historyOf(publisher, ROLES);
    const reader = new CachingReader({ ...reading(publisher), where: old });
    const before = await reader.versions();
    await send(publisher, history);
    const here = moved(publisher);
    await here.publish({ root: await nextRoot(publisher) });
    await here.publish({ targets: here.advance('targets', (next) => add(next, 'd')) });
    reader.of = { ...reading(here), where: fresh.world };
    const after = await reader.versions();
    expect(after).toMatchObject({ root: 2, targets: before.targets + 1 });
    expect(after.timestamp).toBeGreaterThan(before.timestamp);
  });

  it('follows the old server, and never back', async () => {
    const publisher = await begin();
    const first = await historyOf(publisher, ROLES);
    await send(publisher, first);
    await publisher.publish({ targets: publisher.advance('targets', (next) => add(next, 'd')) });
    const second = await historyOf(publisher, ROLES);
    expect(await send(publisher, second)).toMatchObject({ status: 200, body: { state: 'mirror', repeated: false } });
    expect(await send(publisher, second)).toMatchObject({ status: 200, body: { repeated: true } });
    const here = moved(publisher);
    expect(await here.read(byHash('targets', first.get('targets')!))).toBe(
      Buffer.from(first.get('targets')!).toString(),
    );
    expectCode(await send(publisher, first), 'rollback');
    expect(await here.read('timestamp.json')).toBe(Buffer.from(second.get('timestamp')!).toString());
  });

  it('is left alone by renewal, and still answered, marked, when it has expired', async () => {
    const publisher = await begin();
    await send(publisher, await historyOf(publisher, ROLES));
    const here = moved(publisher);
    const before = await here.read('timestamp.json');
    const { expires } = await here.signed('timestamp.json');
    const head = await fresh.store.head(parseGun(publisher.gun));
    fresh.clock.advance((Date.parse(expires) - fresh.clock.now()) / 1000 + 1);
    await fresh.collections.renewDue();
    const answer = await here.get('timestamp.json');
    expect(answer.headers.get('X-Countersign-Expired')).not.toBeNull();
    expect(await answer.text()).toBe(before);
    expect((await fresh.store.head(parseGun(publisher.gun)))?.id).toBe(head?.id);
  });

  it('that has expired is taken over all the same: it is history', async () => {
    const publisher = await begin();
    const history = await historyOf(publisher, ROLES);
    fresh.clock.advance(52 * WEEK);
    const answer = await send(publisher, history);
    expect(answer).toMatchObject({ status: 200, body: { state: 'mirror' } });
    expect(Date.parse((answer.body as { timestampExpires: string }).timestampExpires)).toBeLessThan(fresh.clock.now());
  });
});

describe('a history that no client of the old server would believe', () => {
  it.each<[string, (history: Parts, publisher: NotaryPublisher) => void, string]>([
    ['a byte of targets was changed', (parts) => change(parts, 'targets'), 'mix-and-match'],
    ['a byte of the snapshot was changed', (parts) => change(parts, 'snapshot'), 'mix-and-match'],
    ['a stranger signed the timestamp', (parts, at) => resign(parts, at, 'timestamp'), 'threshold'],
    ['a stranger signed root 2', (parts, at) => resign(parts, at, '2.root'), 'threshold'],
    ['a root of the chain is missing', (parts) => parts.delete('2.root'), 'bad-upload'],
    ['targets are missing', (parts) => parts.delete('targets'), 'not-found'],
    [
      'a role is there that the snapshot does not list',
      (parts) => parts.set('targets/x', parts.get('targets')!),
      'mix-and-match',
    ],
    ['there is no root', (parts) => ['1.root', '2.root', '3.root'].forEach((name) => parts.delete(name)), 'bad-upload'],
    ['the chain ends before the root that the rest was signed for', (parts) => parts.delete('3.root'), 'mix-and-match'],
  ])('is refused where %s, and leaves nothing', async (_, spoil, code) => {
    const publisher = await begin();
    for (let rotation = 0; rotation < 2; rotation += 1) {
      publisher.root = publisher.nextRoot();
      await publisher.publish({ root: publisher.sign('root', publisher.root) });
    }
    const history = await historyOf(publisher, ROLES);
    spoil(history, publisher);
    expectCode(await send(publisher, history), code as never);
    await expectNothing(publisher);
  });

  it('a delegated role that its delegator does not vouch for is kept, since clients pass it over, and told', async () => {
    const publisher = await begin();
    const targets = publisher.advance('targets', (next) => {
      const role = next.delegations!.roles![0]!;
      const key = newNotaryKey();
      next.delegations = { keys: { [key.id]: key.json }, roles: [{ ...role, keyids: [key.id] }] };
    });
    await publisher.publish({ targets });
    const history = await historyOf(publisher, ROLES);
    const answer = await send(publisher, history);
    expect(answer).toMatchObject({ status: 200, body: { flawed: [{ role: 'targets/releases', version: 1 }] } });
    expect(await moved(publisher).read(byHash('targets/releases', history.get('targets/releases')!))).toBeTypeOf(
      'string',
    );
  });
});

function change(parts: Parts, name: string): void {
  const text = Buffer.from(parts.get(name)!).toString();
  parts.set(
    name,
    Buffer.from(text.replace(/"version":(\d+)/u, (_, version: string) => `"version":${Number(version) + 1}`)),
  );
}

function resign(parts: Parts, publisher: NotaryPublisher, name: string): void {
  const { signed } = JSON.parse(Buffer.from(parts.get(name)!).toString()) as { signed: object };
  parts.set(name, publisher.sign('', signed, certifiedKey({ cn: publisher.gun })));
}

describe('a form that is no history', () => {
  const parts = (...names: string[]): Parts => new Map(names.map((name) => [name, Buffer.from('{}')]));

  it.each<[string, Parts, Parts, string]>([
    ['is empty', parts(), parts(), 'bad-upload'],
    ['has a root without its version', parts('root'), parts(), 'bad-upload'],
    ['holds no metadata', parts('1.root', 'timestamp', 'snapshot'), parts(), 'unsupported'],
    ['has more parts than the server takes', parts(...range(1_025).map((n) => `${n + 1}.root`)), parts(), 'too-many'],
  ])('is refused where it %s', async (_, history, next, code) => {
    const gun = `import/${++names}`;
    expectCode(await postImport(fresh.world.url, gun, history, next), code as never);
    expect(await fresh.store.head(parseGun(gun))).toBeUndefined();
  });

  it('is told what to send instead, in the words of the address it was sent to', async () => {
    const sent = [
      [await postImport(fresh.world.url, 'import/x', parts('root')), /named "history"/u],
      [
        await postPast(fresh.world.url, 'import/x', [{ file: 'targets', by: '1.root', bytes: Buffer.from('{}') }]),
        /named after the <version>\.<role>/u,
      ],
    ] as const;
    for (const [answer, next] of sent)
      expect(answer.body).toMatchObject({ error: { next: expect.stringMatching(next) as string } });
  });

  it('and a form of earlier versions names each file and who vouches for it', async () => {
    for (const [file, by] of [
      ['targets', '1.root'],
      ['1.targets', 'root'],
      ['01.targets', '1.root'],
    ] as const)
      expectCode(await postPast(fresh.world.url, 'import/x', [{ file, by, bytes: Buffer.from('{}') }]), 'bad-upload');
  });

  it('an endless chain ends the form, and leaves nothing', async () => {
    const publisher = await begin();
    const history = await historyOf(publisher, ROLES);
    const { signed } = JSON.parse(Buffer.from(history.get('1.root')!).toString()) as { signed: object };
    for (let version = 2; version <= 700; version += 1)
      history.set(`${version}.root`, publisher.sign('root', { ...signed, version, filling: 'x'.repeat(100_000) }));
    expectCode(await send(publisher, history), 'too-large');
    await expectNothing(publisher);
  });
});

describe('a collection that is published to here', () => {
  it('is not imported over, by its owner or a stranger', async () => {
    const publisher = await begin();
    const here = await NotaryPublisher.begin(fresh.world, publisher.gun);
    const before = await here.read('timestamp.json');
    expectCode(await send(publisher, await historyOf(publisher, ROLES)), 'conflict');
    expect(await here.read('timestamp.json')).toBe(before);
  });

  it('is not imported over once it has come here, though the old server goes on', async () => {
    const publisher = await begin();
    await send(publisher, await historyOf(publisher, ROLES), new Map([['root', await nextRoot(publisher)]]));
    const onOld = await NotaryPublisher.begin(old, `import/${++names}`);
    const before = await moved(publisher).read('timestamp.json');
    expectCode(await postImport(fresh.world.url, publisher.gun, await historyOf(onOld)), 'conflict');
    expect(await moved(publisher).read('timestamp.json')).toBe(before);
  });

  it('a mirror does not change its owner: another root chain is refused', async () => {
    const publisher = await begin();
    await send(publisher, await historyOf(publisher, ROLES));
    const stranger = new NotaryPublisher(old, publisher.gun);
    expect(await publisher.delete()).toBe(200);
    await stranger.draft();
    await stranger.publish(stranger.firstFiles());
    expectCode(await send(publisher, await historyOf(stranger)), 'threshold');
  });
});

describe('a collection that goes on above the versions of its earlier lives', () => {
  it('replay after a deletion: an import does not bring them back', async () => {
    const publisher = await Publisher.begin(fresh.world, `import/${++names}`, { file: 'old' });
    const { gun } = publisher;
    const replayed = await historyOf({ gun, read: (name) => read(gun, name) });
    await publisher.publish({ targets: publisher.next() });
    await fetch(`${fresh.world.url}/v2/${gun}/_trust/tuf/`, { method: 'DELETE' });
    expectCode(await postImport(fresh.world.url, gun, replayed), 'conflict');
    expect(await fresh.store.head(parseGun(gun))).toBeUndefined();
  });

  it("a root copied to another name: its online keys do not count as that name's, and it is a mirror there", async () => {
    const publisher = await Publisher.begin(fresh.world, `import/${++names}`, { file: 'mine' });
    const copy = `import/${++names}`;
    const history = await historyOf({ gun: publisher.gun, read: (name) => read(publisher.gun, name) });
    const answer = await postImport(fresh.world.url, copy, history);
    expect(answer).toMatchObject({ status: 200, body: { state: 'mirror' } });
    expect(await postImport(fresh.world.url, copy, history)).toMatchObject({
      status: 200,
      body: { state: 'mirror', repeated: true },
    });
  });

  async function read(gun: string, name: string): Promise<string | number> {
    const response = await fetch(`${fresh.world.url}/v2/${gun}/_trust/tuf/${name}`);
    return response.status === 200 ? response.text() : response.status;
  }
});

describe('earlier versions', () => {
  async function imported(): Promise<{ publisher: NotaryPublisher; past: (name: string) => Promise<Uint8Array> }> {
    const publisher = await begin();
    await send(publisher, await historyOf(publisher, ROLES), new Map([['root', await nextRoot(publisher)]]));
    return { publisher, past: (name) => bytes(publisher, name) };
  }

  const post = (publisher: NotaryPublisher, ...files: { file: string; by: string; bytes: Uint8Array }[]) =>
    postPast(fresh.world.url, publisher.gun, files);

  it('are added once, each verified by the root or the delegator that lists its keys, and served', async () => {
    const { publisher, past } = await imported();
    const releases = publisher.advance('targets/releases', (next) => add(next, 'e'));
    expect(outcome(await moved(publisher).post({ 'targets/releases': releases }))).toBe('200');
    const files = [
      { file: '1.targets', by: '1.root', bytes: await past('1.targets.json') },
      { file: '2.targets', by: '1.root', bytes: await past('2.targets.json') },
      { file: '1.snapshot', by: '1.root', bytes: await past('1.snapshot.json') },
      { file: '1.targets/releases', by: '3.targets', bytes: await past('1.targets/releases.json') },
    ];
    const first = await post(publisher, ...files);
    expect(first).toMatchObject({ status: 200, body: { added: 3, refused: [] } });
    expect(await post(publisher, ...files)).toMatchObject({ status: 200, body: { added: 0, refused: [] } });
    expect(await moved(publisher).read('2.targets.json')).toBe(Buffer.from(files[1]!.bytes).toString());
    expect(await moved(publisher).read(byHash('targets', files[0]!.bytes))).toBe(
      Buffer.from(files[0]!.bytes).toString(),
    );
  });

  it.each<
    [
      string,
      (publisher: NotaryPublisher, targets: Uint8Array) => { file: string; by: string; bytes: Uint8Array },
      RegExp,
    ]
  >([
    [
      'a stranger signed',
      (at, bytes) => ({ file: '1.targets', by: '1.root', bytes: forged(at, bytes) }),
      /carries 0 of the 1/u,
    ],
    ['goes by another version', (_, bytes) => ({ file: '2.targets', by: '1.root', bytes }), /calls itself version 1/u],
    ['nobody here vouches for', (_, bytes) => ({ file: '1.targets', by: '9.root', bytes }), /is not here/u],
    [
      'the one named says nothing of',
      (_, bytes) => ({ file: '1.targets', by: '3.targets', bytes }),
      /says nothing of/u,
    ],
    ['is a root', (at) => ({ file: '1.root', by: '1.root', bytes: at.sign('root', at.root) }), /no past file/u],
    ['is no metadata', () => ({ file: '1.targets', by: '1.root', bytes: Buffer.from('{}') }), /./u],
  ])('one that %s is left out and told, the others are added', async (_, make, why) => {
    const { publisher, past } = await imported();
    const good = { file: '2.targets', by: '1.root', bytes: await past('2.targets.json') };
    const bad = make(publisher, await past('1.targets.json'));
    const files = bad.file === good.file ? [bad] : [good, bad];
    const answer = await post(publisher, ...files);
    expect(answer).toMatchObject({ status: 200, body: { added: files.length - 1 } });
    const { refused } = answer.body as { refused: { role: string; why: string }[] };
    expect(refused).toHaveLength(1);
    expect(refused[0]?.why).toMatch(why);
  });

  it('are all added or none when any call of any port fails, and can be sent again', async () => {
    const files = async (publisher: NotaryPublisher): Promise<{ file: string; by: string; bytes: Uint8Array }[]> =>
      Promise.all(
        [1, 2].map(async (version) => ({
          file: `${version}.targets`,
          by: '1.root',
          bytes: await bytes(publisher, `${version}.targets.json`),
        })),
      );
    const rehearsal = await imported();
    const sent = await files(rehearsal.publisher);
    fresh.faults.reset();
    await post(rehearsal.publisher, ...sent);
    const calls = [...fresh.faults.calls];
    expect(calls).toContain('store.addPast');
    for (const [number] of calls.entries()) {
      for (const when of ['before', 'after'] as const) {
        const { publisher } = await imported();
        const both = await files(publisher);
        fresh.faults.failAt(number, when);
        const answer = await post(publisher, ...both);
        fresh.faults.reset();
        const there = await Promise.all([1, 2].map((version) => moved(publisher).read(`${version}.targets.json`)));
        expect(new Set(there.map((each) => typeof each)).size, `half of it: call ${number}, ${when}`).toBe(1);
        if (answer.status === 200) expect(there[0]).toBeTypeOf('string');
        expect((await post(publisher, ...both)).status).toBe(200);
        expect(await moved(publisher).read('2.targets.json')).toBeTypeOf('string');
      }
    }
  }, 120_000);

  it('what is current is no earlier version', async () => {
    const { publisher, past } = await imported();
    const answer = await post(publisher, { file: '3.targets', by: '1.root', bytes: await past('3.targets.json') });
    expect(answer).toMatchObject({ status: 200, body: { added: 0, refused: [{ role: 'targets', version: 3 }] } });
  });

  it('a collection that is not here has none', async () => {
    const publisher = await begin();
    expectCode(await post(publisher, { file: '1.targets', by: '1.root', bytes: Buffer.from('{}') }), 'not-found');
  });
});

function forged(publisher: NotaryPublisher, raw: Uint8Array): Uint8Array {
  const { signed } = JSON.parse(Buffer.from(raw).toString()) as { signed: object };
  return publisher.sign('', signed, newNotaryKey());
}
