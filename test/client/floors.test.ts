import { beforeEach, describe, expect, it } from 'vitest';
import type { UpdaterOptions } from '../../packages/client/src/reading/updater.js';
import { clientOf, OpenCache } from '../simulator/client.js';
import { certifiedKey, rootDoc } from '../simulator/notary.js';
import { NotaryRepository } from '../simulator/notary-repository.js';
import { NotaryWeb } from '../simulator/notary-web.js';
import { RepositorySimulator, START } from '../simulator/repository.js';

const ORDER = ['root', 'timestamp', 'snapshot', 'targets'];

let sim: RepositorySimulator;
let cache: OpenCache;
/** What was recorded of the state before the attacker set the repository back. */
let floors: Record<string, number>;

beforeEach(() => {
  sim = new RepositorySimulator();
  cache = new OpenCache();
  sim.delegate('targets', 'team');
  sim.addTarget('file', 'new', 'team');
  sim.publish('targets', 'team');
  floors = {
    root: 1,
    timestamp: sim.timestamp.version,
    snapshot: sim.snapshot.version,
    targets: sim.role('targets').version,
    team: 1,
  };
});

const client = (options: Partial<UpdaterOptions> = {}): ReturnType<typeof clientOf> =>
  clientOf(sim, { cache, floors, ...options });

describe('recorded versions', () => {
  it('let the recorded state pass, and every later one', async () => {
    await client().refresh();
    sim.publish('targets', 'team');
    const updater = client({ cache: new OpenCache() });
    expect(await updater.find('file')).toMatchObject({ role: 'team' });
  });

  it.each(ORDER)('refuse an older %s of a repository that was set back, before it is saved', async (role) => {
    floors = { [role]: floors[role]! + 1 };
    await expect(client().refresh()).rejects.toMatchObject({
      code: 'rollback',
      message: `${role} version ${floors[role]! - 1} is older than version ${floors[role]!}, which is recorded`,
      detail: { role, version: floors[role]! - 1, current: floors[role]! },
    });
    // The first root is not the repository's, but the one that was given.
    expect(cache.saves).toEqual(ORDER.slice(0, Math.max(1, ORDER.indexOf(role))));
  });

  it('refuse an older delegated role, before it is saved', async () => {
    const updater = client({ floors: { team: 2 } });
    await expect(updater.find('file')).rejects.toMatchObject({
      code: 'rollback',
      detail: { role: 'team', current: 2 },
    });
    expect(cache.saves).not.toContain('team');
  });

  it.each(['timestamp', 'snapshot', 'targets', 'team'])('hold for a cached %s as well', async (role) => {
    await client().find('file');
    const higher = { floors: { [role]: floors[role]! + 1 } };
    const refused = { code: 'rollback', detail: { role } };
    await expect(client(higher).find('file')).rejects.toMatchObject(refused);
    const stale = client(higher);
    await expect(stale.refresh({ maxStale: 3600 }).then(() => stale.find('file'))).rejects.toMatchObject(refused);
  });

  it('are told of before an expired root is', async () => {
    const options = { floors: { root: 2 }, now: () => START + 400 * 86_400_000 };
    await expect(client(options).refresh()).rejects.toMatchObject({ code: 'rollback' });
  });

  it.each([0, -1, 1.5, NaN])('are no versions where one is %d', (version) => {
    expect(() => client({ floors: { timestamp: version } })).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  it.each(ORDER)('hold for the %s of a Notary collection', async (role) => {
    const notary = new NotaryRepository();
    notary.publish('targets');
    const web = new NotaryWeb(notary);
    const { final, snapshot, targets } = await web.client().refresh();
    const versions: Record<string, number> = {
      root: final.root.signed.version,
      timestamp: snapshot.timestamp.signed.version,
      snapshot: snapshot.signed.version,
      targets: targets.signed.version,
    };
    await web.client({ floors: versions }).refresh();
    await expect(web.client({ cache, floors: { [role]: versions[role]! + 1 } }).refresh()).rejects.toMatchObject({
      code: 'rollback',
      detail: { role },
    });
    expect(cache.saves).toEqual(ORDER.slice(0, Math.max(1, ORDER.indexOf(role))));
  });
});

describe('a recorded root', () => {
  it('is where trust begins, without asking the repository for it', async () => {
    const firstTrust = { kind: 'recorded', raw: sim.firstRoot } as const;
    await client({ firstTrust }).refresh();
    expect(sim.requests).not.toContain('1.root.json');
  });

  it('of a Notary collection may list a certificate that has expired since', async () => {
    const past = certifiedKey({ notAfter: '290101000000Z' });
    const notary = new NotaryRepository();
    const key = certifiedKey();
    notary.keys.root = past;
    notary.roots.length = 0;
    notary.publishRoot(rootDoc(notary.keys), past);
    const raw = notary.roots[0]!;
    notary.keys.root = key;
    notary.publishRoot(rootDoc(notary.keys, 2), key, past);
    notary.publish('targets');
    const web = new NotaryWeb(notary);
    await expect(web.client({ firstTrust: { kind: 'file', raw } }).refresh()).rejects.toMatchObject({
      code: 'threshold',
    });
    const { final } = await web.client({ firstTrust: { kind: 'recorded', raw } }).refresh();
    expect(final.root.signed.version).toBe(2);
  });

  it('refuses the repository of another root', async () => {
    const other = new RepositorySimulator();
    await expect(client({ firstTrust: { kind: 'recorded', raw: other.firstRoot } }).refresh()).rejects.toMatchObject({
      code: 'threshold',
    });
  });
});
