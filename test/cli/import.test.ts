import { writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { certifiedKey, GUN, newNotaryKey, NOW, notaryKey, rootDoc, signed, target } from '../simulator/notary.js';
import { NotaryRepository } from '../simulator/notary-repository.js';
import { NotaryWeb } from '../simulator/notary-web.js';
import { newCertificateKey } from '../simulator/x509.js';
import { NO_JOBS } from '../support/by-hand.js';
import { Front } from '../support/front.js';
import { NotaryPublisher } from '../support/notary-publisher.js';
import { serve, type Served } from '../support/served-simulator.js';
import { TestClock, World } from '../support/world.js';
import { Person } from './terminal.js';

const FIRST_USE = '--trust-on-first-use';

interface Told {
  readonly outcome: string;
  readonly versions: Readonly<Record<string, number>>;
  readonly snapshots?: string;
  readonly past: {
    readonly added: number;
    readonly missing: readonly object[];
    readonly refused: readonly { readonly role: string; readonly version: number; readonly why: string }[];
  };
}

const clock = new TestClock();
let old: World;
let fresh: World;
let person: Person;
let names = 0;
beforeAll(async () => {
  clock.advance((NOW - Date.now()) / 1000);
  [old, fresh] = [await World.start({ server: NO_JOBS, clock }), await World.start({ server: NO_JOBS, clock })];
});
afterAll(async () => {
  await Promise.all([old.stop(), fresh.stop()]);
});
beforeEach(async () => {
  person = await Person.arrive({ server: fresh.url, now: clock.now });
});
afterEach(() => person.leave());

const add = (document: { targets: Record<string, unknown> }, name: string): void => {
  document.targets[name] = target(name);
};

/** A root key, and its private half as its owner has it in a file. */
function ownersKey(gun: string): { root: NonNullable<Parameters<NotaryPublisher['draft']>[0]>['root']; pem: string } {
  const key = newCertificateKey();
  return { root: certifiedKey({ cn: gun, key }), pem: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** A collection with three versions, two roots, and a role that has come and gone. */
async function begin(
  options: Parameters<NotaryPublisher['draft']>[0] = {},
): Promise<{ publisher: NotaryPublisher; pem: string }> {
  const gun = `coming/over/${++names}`;
  const { root, pem } = ownersKey(gun);
  const publisher = await NotaryPublisher.begin(old, gun, { ...options, root: root! });
  const targets = publisher.advance('targets', (next) => {
    publisher.delegate(next, 'targets/gone');
    publisher.delegate(next, 'targets/releases');
  });
  const first = {
    'targets/gone': publisher.advance('targets/gone'),
    'targets/releases': publisher.advance('targets/releases'),
  };
  await publisher.publish(publisher.withSnapshot({ targets, ...first }));
  publisher.root = publisher.nextRoot();
  await publisher.publish(publisher.withSnapshot({ root: publisher.sign('root', publisher.root) }));
  const releases = publisher.advance('targets/releases', (next) => add(next, 'b'));
  await publisher.publish(publisher.withSnapshot({ 'targets/releases': releases }));
  const without = publisher.advance('targets', (next) => {
    next.delegations!.roles = next.delegations!.roles!.filter(({ name }) => name !== 'targets/gone');
    add(next, 'a');
  });
  await publisher.publish(publisher.withSnapshot({ targets: without }));
  return { publisher, pem };
}

async function holdKey(pem: string): Promise<void> {
  const file = person.path('root.pem');
  await writeFile(file, pem);
  await person.ok('key', 'import', file);
}

const importing = (gun: string, ...more: string[]): string[] => ['import', '--from', old.url, gun, FIRST_USE, ...more];
const here = (gun: string): NotaryPublisher => new NotaryPublisher(fresh, gun);

/** Every file of the old server that is to be at the new one, by the names readers ask for. */
async function expectAllThere(publisher: NotaryPublisher, versions: Readonly<Record<string, number>>): Promise<void> {
  for (const [role, highest] of Object.entries(versions))
    for (let version = 1; version <= highest; version += 1) {
      const name = `${version}.${role}.json`;
      const file = await publisher.read(name);
      expect(file, name).toBeTypeOf('string');
      expect(await here(publisher.gun).read(name), name).toBe(file);
    }
}

describe('import, by who holds the root key', () => {
  it('brings the collection over with all it was, signed here from then on', async () => {
    const { publisher, pem } = await begin();
    await holdKey(pem);
    const [told] = await person.json<[Told]>(...importing(publisher.gun));
    expect(told).toMatchObject({ outcome: 'taken-over', snapshots: 'server', past: { missing: [], refused: [] } });
    expect(told.versions).toMatchObject({ root: 3, targets: 3, 'targets/releases': 2 });
    const snapshot = (await publisher.signed('snapshot.json')).version;
    const timestamp = (await publisher.signed('timestamp.json')).version;
    await expectAllThere(publisher, {
      root: 2,
      targets: 3,
      'targets/releases': 2,
      'targets/gone': 1,
      snapshot,
      timestamp,
    });
    expect(await here(publisher.gun).signed('timestamp.json')).toMatchObject({ version: timestamp + 1 });
    // The new server and what is trusted of it are known from now on.
    expect(await person.ok('list', publisher.gun)).toContain('a');
  });

  it('keeps the snapshot key with its owner, where that is here too', async () => {
    const gun = `coming/over/${++names}`;
    const { root, pem } = ownersKey(gun);
    const publisher = await NotaryPublisher.begin(old, gun, { root: root!, snapshots: 'client' });
    await holdKey(pem);
    const keys = newCertificateKey();
    const snapshotKey = notaryKey(keys);
    // An owner who rotates to a key of which this machine has a copy.
    const before = publisher.signers.get('root')!;
    publisher.root = publisher.nextRoot((next) => {
      next['roles'] = { ...(next['roles'] as object), snapshot: { keyids: [snapshotKey.id], threshold: 1 } };
      next['keys'] = { ...(next['keys'] as object), [snapshotKey.id]: snapshotKey.json };
    });
    publisher.snapshotKey = snapshotKey;
    await publisher.publish(publisher.withSnapshot({ root: publisher.sign('root', publisher.root, ...before) }));
    const file = person.path('snapshot.pem');
    await writeFile(file, keys.export({ type: 'pkcs8', format: 'pem' }).toString());
    await person.ok('key', 'import', file);
    const [told] = await person.json<[Told]>(...importing(gun));
    expect(told).toMatchObject({ outcome: 'taken-over', snapshots: 'owner' });
    const { signatures } = JSON.parse(String(await here(gun).read('snapshot.json'))) as {
      signatures: { keyid: string }[];
    };
    expect(signatures.map(({ keyid }) => keyid)).toEqual([snapshotKey.id]);
  });

  it('a second time adds only what is new, and what has gone on here is left alone', async () => {
    const { publisher, pem } = await begin();
    await holdKey(pem);
    await person.ok(...importing(publisher.gun));
    const before = await here(publisher.gun).read('timestamp.json');
    const [again] = await person.json<[Told]>(...importing(publisher.gun));
    expect(again).toMatchObject({ outcome: 'there', past: { added: 0, refused: [] } });
    await publisher.publish({ targets: publisher.advance('targets', (next) => add(next, 'late')) });
    const ran = await person.run(...importing(publisher.gun));
    expect(ran.code).toBe(6);
    expect(ran.err).toContain('has diverged');
    expect(await here(publisher.gun).read('timestamp.json')).toBe(before);
  });

  it('--dry-run reads and verifies all of it, and leaves nothing at the new server', async () => {
    const { publisher, pem } = await begin();
    await holdKey(pem);
    const out = await person.ok(...importing(publisher.gun, '--dry-run'));
    expect(out).toContain('would come over');
    expect(await here(publisher.gun).read('root.json')).toBe(404);
    expect(await person.run('list', publisher.gun)).toMatchObject({ code: 4 });
  });
});

describe('import without the root key', () => {
  it('makes a read-only copy, and says until when and what to do', async () => {
    const { publisher, pem } = await begin();
    const out = await person.ok(...importing(publisher.gun));
    const { expires } = await publisher.signed('timestamp.json');
    expect(out).toContain('read-only copy');
    expect(out).toContain(new Date(expires).toISOString().slice(0, 10));
    expect(out).toContain('countersign key import');
    expect(await here(publisher.gun).read('timestamp.json')).toBe(await publisher.read('timestamp.json'));
    // It follows the old server, and comes over for good once the key is here.
    await publisher.publish({ targets: publisher.advance('targets', (next) => add(next, 'c')) });
    expect(await person.json(...importing(publisher.gun))).toMatchObject([
      { outcome: 'mirrored', versions: { targets: 4 } },
    ]);
    await holdKey(pem);
    expect(await person.json(...importing(publisher.gun))).toMatchObject([
      { outcome: 'taken-over', versions: { root: 3 } },
    ]);
    await expectAllThere(publisher, { root: 2, targets: 4 });
  });
});

describe('attack: the old server learns the token of the new one', () => {
  let fronts: readonly [from: Front, to: Front];
  beforeEach(async () => {
    fronts = [await Front.before(old.url), await Front.before(fresh.url)];
  });
  afterEach(() => Promise.all(fronts.map((front) => front.close())));

  async function tokens(env: Readonly<Record<string, string>>): Promise<readonly string[][]> {
    const { publisher } = await begin();
    const [from, to] = fronts;
    const words = ['import', '--from', from.url, '--server', to.url, publisher.gun, FIRST_USE];
    expect(await person.runWith({ env }, ...words)).toMatchObject({ code: 0 });
    return fronts.map((front) => [...new Set(front.tokens)]);
  }

  it('it gets none', async () => {
    expect(await tokens({ COUNTERSIGN_TOKEN: 'new' })).toEqual([[], ['Bearer new']]);
  });

  it('it gets COUNTERSIGN_FROM_TOKEN, and nobody else does', async () => {
    expect(await tokens({ COUNTERSIGN_FROM_TOKEN: 'old' })).toEqual([['Bearer old'], []]);
  });
});

describe('import from the server it is to go to', () => {
  it('makes no sense', async () => {
    expect(await person.run('import', '--from', fresh.url, 'coming/over', FIRST_USE)).toMatchObject({ code: 2 });
  });
});

describe('import of several', () => {
  it('goes on after one that fails, names it, and does not end well', async () => {
    const [one, other] = [await begin(), await begin()];
    const ran = await person.run(
      'import',
      '--from',
      old.url,
      one.publisher.gun,
      'coming/nowhere',
      other.publisher.gun,
      FIRST_USE,
    );
    expect(ran.code).toBe(3);
    expect(ran.err).toContain('1 of 3 collections did not come over');
    expect(ran.err).toContain('coming/nowhere');
    for (const { publisher } of [one, other]) expect(await here(publisher.gun).read('root.json')).toBeTypeOf('string');
  });
});

describe('import believes', () => {
  it('what it is told to, and nothing else', async () => {
    const { publisher } = await begin();
    const [key] = publisher.signers.get('root')!;
    const from = ['import', '--from', old.url, publisher.gun];
    expect((await person.run(...from)).code).toBe(4);
    expect((await person.run(...from, '--root-fingerprint', certifiedKey({ cn: publisher.gun }).id)).code).toBe(4);
    expect(await here(publisher.gun).read('root.json')).toBe(404);
    await person.ok(...from, '--root-fingerprint', key!.id);
  });

  it('what is trusted here already, also when that has gone on at the new server', async () => {
    const { publisher, pem } = await begin();
    await person.ok('list', '--server', old.url, publisher.gun, FIRST_USE);
    await holdKey(pem);
    const from = ['import', '--from', old.url, publisher.gun];
    expect(await person.json(...from)).toMatchObject([{ outcome: 'taken-over' }]);
    await person.ok('list', publisher.gun);
    expect(await person.json(...from)).toMatchObject([{ outcome: 'there' }]);
    expect(await publisher.delete()).toBe(200);
    const stranger = new NotaryPublisher(old, publisher.gun);
    await stranger.draft();
    await stranger.publish(stranger.firstFiles());
    expect(await person.run(...from)).toMatchObject({ code: 4 });
  });

  it('no root of another server that it does not trust already', async () => {
    const { publisher } = await begin();
    const stranger = new NotaryPublisher(fresh, publisher.gun);
    await stranger.draft();
    await stranger.publish(stranger.firstFiles());
    const ran = await person.run(...importing(publisher.gun));
    expect(ran.code).toBe(6);
    expect(ran.err).toContain('another root');
  });
});

describe('a hostile old server', () => {
  let sim: NotaryRepository;
  let web: NotaryWeb;
  let served: Served;
  beforeEach(async () => {
    sim = new NotaryRepository();
    sim.documents.get('targets')!.targets['latest'] = target('a');
    sim.publish('targets');
    sim.publishRoot(rootDoc(sim.keys, 2));
    sim.republish();
    web = new NotaryWeb(sim);
    served = await serve(web);
  });
  afterEach(async () => {
    await served.close();
    await fetch(`${fresh.url}/v2/${GUN}/_trust/tuf/`, { method: 'DELETE' });
  });

  const run = (...more: string[]) => person.run('import', '--from', served.url, GUN, FIRST_USE, ...more);
  const nothing = async (): Promise<void> => expect(await here(GUN).read('root.json')).toBe(404);

  it('honest, it comes over', async () => {
    expect(await run()).toMatchObject({ code: 0 });
    expect(await here(GUN).read('1.root.json')).toBe(sim.roots[0]!.toString());
  });

  it('cannot change a byte', async () => {
    const [name] = [...sim.files.keys()].filter((each) => each.startsWith('targets ')).slice(-1);
    sim.files.set(name!, Buffer.from(sim.files.get(name!)!.toString().replace('latest', 'lotest')));
    expect(await run()).toMatchObject({ code: 4 });
    await nothing();
  });

  it('cannot put a root of a stranger into the chain', async () => {
    const stranger = certifiedKey();
    web.answers.set('1.root.json', signed(rootDoc({ ...sim.keys, root: stranger }), stranger));
    expect(await run()).toMatchObject({ code: 4 });
    await nothing();
  });

  it('cannot have two versions of one root', async () => {
    web.answers.set('1.root.json', sim.roots[1]);
    expect(await run()).toMatchObject({ code: 4 });
    await nothing();
  });

  it('cannot roll a copy back', async () => {
    const [timestamp, root] = [sim.timestamp, sim.roots[1]!];
    sim.publish('targets');
    await run();
    const before = await here(GUN).read('timestamp.json');
    web.answers.set('timestamp.json', timestamp).set('root.json', root);
    expect((await run()).code).not.toBe(0);
    expect(await here(GUN).read('timestamp.json')).toBe(before);
  });

  it('cannot send an endless file', async () => {
    web.answers.set('root.json', Buffer.alloc(600_000, 0x20));
    expect(await run()).toMatchObject({ code: 4 });
    await nothing();
  });

  it('cannot keep a client busy with versions it does not have', async () => {
    sim.documents.get('targets')!.version = 2 ** 40;
    sim.publish('targets');
    const [told] = JSON.parse((await run('--json')).out) as [Told];
    expect(told.past.missing).toContainEqual({ role: 'targets', from: 1, to: 2 ** 40 });
    expect(web.requests.filter((name) => /^\d+\.targets\.json$/u.test(name)).length).toBeLessThan(200);
  });

  it('cannot slip in earlier versions that nobody signed', async () => {
    web.answers.set('1.targets.json', signed({ ...sim.documents.get('targets'), version: 1 }, newNotaryKey()));
    const [told] = JSON.parse((await run('--json')).out) as [Told];
    expect(told.past.refused).toMatchObject([{ role: 'targets', version: 1 }]);
    expect(await here(GUN).read('1.targets.json')).toBe(404);
  });
});
