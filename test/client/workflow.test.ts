import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Updater } from '../../packages/client/src/reading/updater.js';
import { clientOf, get, OpenCache } from '../simulator/client.js';
import { resigned } from '../simulator/hostile.js';
import { newKey } from '../simulator/keys.js';
import { date, RepositorySimulator, START } from '../simulator/repository.js';

/* The details of the client workflow, specification §5, that are no attack by themselves (docs/requirements.md). */

let sim: RepositorySimulator;
let cache: OpenCache;

beforeEach(() => {
  sim = new RepositorySimulator();
  cache = new OpenCache();
  sim.delegate('targets', 'delegated', { paths: ['d/*'] });
  sim.publish('delegated', 'targets');
});

async function update(): Promise<string> {
  const updater = clientOf(sim, { cache });
  try {
    await updater.refresh();
    await updater.find('d/file');
    return 'accepted';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** A file with white space behind it, `length` bytes in all. */
function padded(file: Uint8Array, length: number): Uint8Array {
  return Buffer.concat([file, Buffer.alloc(length - file.length, ' ')]);
}

describe('limits', () => {
  it.each([
    ['root', 512_000],
    ['timestamp', 16_384],
    ['snapshot', 2_000_000],
    ['targets', 5_000_000],
    ['delegated', 5_000_000],
  ])('a %s of %i bytes is read, and none of one more', async (role, limit) => {
    sim.publishRoot();
    const file = sim.file(sim.nameOf(role));
    sim.files.set(sim.nameOf(role), padded(file, limit + 1));
    expect(await update()).toBe('endless-data');
    sim.files.set(sim.nameOf(role), padded(file, limit));
    expect(await update()).toBe('accepted');
  });

  it.each(['snapshot', 'targets', 'delegated'])('a listed length takes the place of that of %s', async (role) => {
    sim.describe = 'length-and-hashes';
    const grown = 'x'.repeat(6_000_000);
    if (role === 'snapshot') Object.assign(sim.snapshot, { 'x-more': grown });
    else Object.assign(sim.role(role), { 'x-more': grown });
    sim.publish('delegated', 'targets');
    expect(await update()).toBe('accepted');
  });

  it.each(['snapshot', 'targets', 'delegated'])(
    'a listed length of %s is held against a limit that was given',
    async (role) => {
      sim.describe = 'length-and-hashes';
      Object.assign(role === 'snapshot' ? sim.snapshot : sim.role(role), { 'x-more': 'x'.repeat(9_000) });
      sim.publish('delegated', 'targets');
      const { length } = sim.file(sim.nameOf(role));
      const reading = (limit: number): Promise<unknown> =>
        clientOf(sim, { limits: { [role === 'snapshot' ? role : 'targets']: limit } }).find('d/file');
      await reading(length);
      sim.requests.length = 0;
      await expect(reading(length - 1)).rejects.toMatchObject({
        code: 'endless-data',
        message: `${role} is listed with ${length} bytes, more than the ${length - 1} allowed`,
      });
      expect(sim.requests).not.toContain(sim.nameOf(role));
    },
  );

  it.each(['rootRotations', 'delegations', 'reachable', 'root', 'timestamp', 'snapshot', 'targets'])(
    '%s is the default where it is undefined, and refused where it is no number above 0',
    async (limit) => {
      sim.publishRoot();
      const given = (value: unknown): Updater => clientOf(sim, { limits: { [limit]: value } });
      await given(undefined).find('d/file');
      for await (const target of given(undefined).list()) expect(target).toBeDefined();
      for (const value of [0, -1, NaN, null, '5'])
        expect(() => given(value)).toThrow(
          expect.objectContaining({
            code: 'usage',
            message: `limits.${limit} is ${value}, which is no number above 0`,
          }) as Error,
        );
    },
  );

  it('256 roots are followed in one update', async () => {
    for (let step = 0; step < 257; step += 1) sim.publishRoot();
    await update();
    expect(await cache.version('root')).toBe(257);
  });
});

describe('the first root', () => {
  it('that its own keys have not signed is refused before any request', async () => {
    const stranger = newKey();
    const firstTrust = { kind: 'file', raw: sim.sign(sim.root, [stranger]) } as const;
    await expect(clientOf(sim, { firstTrust }).refresh()).rejects.toMatchObject({ code: 'threshold' });
    const timestamp = { kind: 'file', raw: sim.file('timestamp.json') } as const;
    await expect(clientOf(sim, { firstTrust: timestamp }).refresh()).rejects.toMatchObject({ code: 'malformed' });
    expect(sim.requests).toEqual([]);
  });

  it('that has expired leads on to the next one', async () => {
    sim.root.expires = date(START - 1000);
    sim.root.version = 0;
    sim.publishRoot();
    const firstTrust = { kind: 'file', raw: sim.file('1.root.json') } as const;
    sim.root.expires = date(START + 1000);
    sim.publishRoot();
    const trust = await clientOf(sim, { firstTrust }).refresh();
    expect(trust.final.root.signed.version).toBe(2);
  });
});

describe('a next root', () => {
  const broken = (): never => {
    throw new TypeError('fetch failed');
  };

  it.each<[string, () => Response, string]>([
    ['500', () => new Response('', { status: 500 }), 'unavailable'],
    ['503', () => new Response('', { status: 503 }), 'unavailable'],
    ['410', () => new Response('', { status: 410 }), 'network'],
    ['a connection that breaks', broken, 'network'],
    ['too many bytes', () => new Response(' '.repeat(512_001)), 'endless-data'],
  ])('that is answered with %s is an error, not the newest one reached', async (_what, answer, code) => {
    sim.answers.set('2.root.json', answer);
    expect(await update()).toBe(code);
    expect(sim.requests).toEqual(['2.root.json']);
    expect(cache.saves).toEqual(['root']);
  });

  it('decides whether snapshots are consistent, from then on', async () => {
    sim.root.consistent_snapshot = false;
    sim.publishRoot();
    sim.publish('delegated', 'targets');
    expect(await update()).toBe('accepted');
    expect(sim.requests.slice(-4)).toEqual(['timestamp.json', 'snapshot.json', 'targets.json', 'delegated.json']);
    expect(sim.requests.slice(0, 2)).toEqual(['2.root.json', '3.root.json']);
  });

  it('that does not say whether snapshots are consistent means that they are not', async () => {
    sim.root.consistent_snapshot = false;
    sim.publish('delegated', 'targets');
    delete (sim.root as Partial<typeof sim.root>).consistent_snapshot;
    sim.publishRoot();
    expect(await update()).toBe('accepted');
    expect(sim.requests).toContain('snapshot.json');
  });
});

describe('a timestamp', () => {
  it('that is older and has expired is told as a rollback, which is the graver of the two', async () => {
    sim.publishTimestamp();
    await update();
    sim.timestamp.version -= 2;
    sim.timestamp.expires = date(START - 1000);
    sim.publishTimestamp();
    expect(await update()).toBe('rollback');
  });

  it.each<[string, (meta: Record<string, unknown>) => void]>([
    ['without snapshot.json', (meta) => delete meta['snapshot.json']],
    ['with another file beside it', (meta) => (meta['targets.json'] = { version: 1 })],
    ['with snapshot.json without a version', (meta) => (meta['snapshot.json'] = {})],
    ['with snapshot.json of version 0', (meta) => (meta['snapshot.json'] = { version: 0 })],
  ])('%s is refused', async (_what, change) => {
    change(sim.timestamp.meta);
    sim.publishTimestamp();
    expect(await update()).toBe('malformed');
  });
});

describe('a snapshot', () => {
  it('that is saved is used, though the timestamp lists a hash since: it is the version it was', async () => {
    await update();
    sim.timestamp.meta['snapshot.json']!.hashes = { sha256: '00'.repeat(32) };
    sim.publishTimestamp();
    sim.requests.length = 0;
    expect(await update()).toBe('accepted');
    expect(sim.requests).toEqual(['2.root.json', 'timestamp.json']);
  });

  it('is a floor for the next one, though the timestamp lists a hash since', async () => {
    await update();
    sim.describe = 'length-and-hashes';
    sim.targets.version = 0;
    sim.publish('targets');
    expect(await update()).toBe('rollback');
  });

  it('may not drop an entry, not even one for a file that no client asks for', async () => {
    sim.snapshot.meta['root.json'] = { version: 1 };
    sim.snapshot.meta['retired.json'] = { version: 7 };
    sim.publishSnapshot();
    await update();
    const all = sim.snapshot.meta;
    for (const name of ['root.json', 'retired.json']) {
      sim.snapshot.meta = Object.fromEntries(Object.entries(all).filter(([listed]) => listed !== name));
      sim.publishSnapshot();
      expect(await update()).toBe('rollback');
    }
    sim.snapshot.meta = all;
    sim.publishSnapshot();
    expect(await update()).toBe('accepted');
  });

  it.each(['snapshot', 'targets', 'delegated'])('a %s shorter than listed is refused', async (role) => {
    sim.describe = 'length-and-hashes';
    sim.publish('delegated', 'targets');
    const meta = role === 'snapshot' ? sim.timestamp.meta : sim.snapshot.meta;
    meta[`${role}.json`]!.length! += 1;
    delete meta[`${role}.json`]!.hashes;
    if (role === 'snapshot') sim.publishTimestamp();
    else sim.publishSnapshot();
    expect(await update()).toBe('mix-and-match');
  });

  it.each(['snapshot', 'targets', 'delegated'])('every hash listed for %s must match', async (role) => {
    sim.describe = 'length-and-hashes';
    sim.publish('delegated', 'targets');
    const meta = role === 'snapshot' ? sim.timestamp.meta : sim.snapshot.meta;
    const right = meta[`${role}.json`]!.hashes!;
    for (const wrong of [{ sha512: '00'.repeat(64) }, { md5: '00'.repeat(16) }, { sha256: '00'.repeat(32) }]) {
      meta[`${role}.json`]!.hashes = { ...right, ...wrong };
      if (role === 'snapshot') sim.publishTimestamp();
      else sim.publishSnapshot();
      expect(await update()).toBe('mix-and-match');
    }
  });
});

describe('what has expired', () => {
  it.each(['timestamp', 'snapshot', 'targets', 'delegated'])(
    '%s: is not saved, what came before it is',
    async (role) => {
      const order = ['root', 'timestamp', 'snapshot', 'targets', 'delegated'];
      await update();
      cache.saves.length = 0;
      sim.publishRoot();
      sim.publish('delegated', 'targets');
      resigned(sim, sim.nameOf(role), sim.signers.get(role)!, (signed) => (signed['expires'] = date(START)));
      expect(await update()).toBe('freeze');
      expect(cache.saves).toEqual(order.slice(0, order.indexOf(role)));
    },
  );
});

describe('a target', () => {
  it('is asked for under a hash of any listed algorithm', async () => {
    const sha512 = createHash('sha512').update('content').digest('hex');
    sim.addTarget('d/file', 'content', 'delegated');
    sim.role('delegated').targets['d/file']!.hashes = { sha512 };
    sim.targetFiles.clear();
    sim.targetFiles.set(`d/${sha512}.file`, Buffer.from('content'));
    sim.publish('delegated');
    expect(await get(clientOf(sim), 'd/file')).toBe('content');
    sim.targetFiles.set(`d/${sha512}.file`, Buffer.from('c0ntent'));
    await expect(get(clientOf(sim), 'd/file')).rejects.toMatchObject({ code: 'arbitrary-software' });
  });
});
