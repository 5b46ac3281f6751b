import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseRoleName } from '../../packages/client/src/tuf/names.js';
import type { Crypto } from '../../packages/client/src/tuf/crypto.js';
import type { Fetch } from '../../packages/client/src/http/fetch.js';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import { readUpdates, writeUpdates, type Updates } from '../../packages/client/src/reading/updates.js';
import { clientOf, get, OpenCache } from '../simulator/client.js';
import { corrupt } from '../simulator/hostile.js';
import { newKey } from '../simulator/keys.js';
import { offering, type Offering } from '../simulator/offering.js';
import { RepositorySimulator, START } from '../simulator/repository.js';

let sim: RepositorySimulator;
let cache: OpenCache;
beforeEach(() => {
  sim = new RepositorySimulator();
  sim.addTarget('file', 'content');
  sim.publish('targets');
  cache = new OpenCache();
  sim.requests.length = 0;
});

/** Refreshes from `cache` and tells which files were asked for. */
async function asked(offer: Offering = {}): Promise<readonly string[]> {
  sim.requests.length = 0;
  await clientOf(sim, { cache, fetch: offering(sim, offer) }).refresh();
  return [...sim.requests];
}

const LONG_WAY = ['2.root.json', 'timestamp.json', '2.snapshot.json', '2.targets.json'];

describe('a repository that offers all updates at once', () => {
  it('is asked for them as soon as it has said so', async () => {
    expect(await asked()).toEqual(['2.root.json', 'updates 1 0 0 0']);
    expect(cache.saves).toEqual(['root', 'timestamp', 'snapshot', 'targets']);
  });

  it('is asked once where nothing has changed, and once where all has', async () => {
    await asked();
    expect(await asked()).toEqual(['updates 1 2 2 2']);
    sim.publishRoot();
    sim.publish('targets');
    expect(await asked()).toEqual(['updates 1 2 2 2']);
    expect(await cache.version('root')).toBe(2);
    expect(await cache.version('timestamp')).toBe(3);
    expect(await asked()).toEqual(['updates 2 3 3 3']);
  });

  it('brings a long root chain in as many answers as it takes', async () => {
    for (let i = 0; i < 9; i += 1) {
      sim.setKeys('root', [newKey()]);
      sim.publishRoot();
    }
    expect(await asked({ roots: 4 })).toEqual(['2.root.json', 'updates 2 0 0 0', 'updates 6 0 0 0']);
    expect(await cache.version('root')).toBe(10);
  });

  it('brings a thousand roots in one answer, of which the newest is saved, before anything else', async () => {
    for (let i = 0; i < 1_000; i += 1) sim.publishRoot();
    const updater = clientOf(sim, { cache, fetch: offering(sim), limits: { rootRotations: 1_100 } });
    await updater.refresh();
    expect(sim.requests).toEqual(['2.root.json', 'updates 2 0 0 0']);
    expect(await cache.version('root')).toBe(1_001);
    // The first, the one that came by itself, and the newest.
    expect(cache.saves).toEqual(['root', 'root', 'root', 'timestamp', 'snapshot', 'targets']);
  });

  it('has each of its roots saved before the next request', async () => {
    for (let i = 0; i < 9; i += 1) sim.publishRoot();
    const saved: (number | undefined)[] = [];
    const fetch: Fetch = async (url, init) => {
      saved.push(await cache.version('root'));
      return offering(sim, { roots: 4 })(url, init);
    };
    await clientOf(sim, { cache, fetch }).refresh();
    expect(saved).toEqual([1, 2, 6]);
  });

  it('that brings a wrong root leaves the one before it', async () => {
    for (let i = 0; i < 9; i += 1) sim.publishRoot();
    corrupt.unsigned(sim, '6.root.json');
    const saved: (number | undefined)[] = [];
    const fetch: Fetch = async (url, init) => {
      saved.push(await cache.version('root'));
      return offering(sim)(url, init);
    };
    await expect(clientOf(sim, { cache, fetch }).refresh()).rejects.toMatchObject({ code: 'threshold' });
    // The third request, by the specification's own way, finds the fifth saved by the first.
    expect(saved).toEqual([1, 2, 5]);
    expect(await cache.version('root')).toBe(5);
  });

  it('is not asked for a role on the way to a target', async () => {
    sim.delegate('targets', 'team', { paths: ['t/*'] });
    sim.addTarget('t/file', 'theirs', 'team');
    sim.publish('targets', 'team');
    const updater = clientOf(sim, { cache, fetch: offering(sim) });
    expect(await get(updater, 't/file')).toBe('theirs');
    expect(sim.requests.slice(0, 3)).toEqual(['2.root.json', 'updates 1 0 0 0', '1.team.json']);
  });

  it('is asked for what was lost here', async () => {
    await asked();
    await cache.put('snapshot', 'garbage');
    expect(await asked()).toEqual(['updates 1 2 2 2', '2.snapshot.json']);
    const again = new OpenCache();
    await again.saveNotes(await cache.notes());
    await again.put('root', sim.firstRoot);
    cache = again;
    expect(await asked()).toEqual(['updates 1 0 0 0']);
  });

  it('is asked while the saved root is still to be verified', async () => {
    await asked();
    let verified = 0;
    const verify: Crypto['verify'] = (...signature) => {
      verified += 1;
      return nodeCrypto.verify(...signature);
    };
    const before: number[] = [];
    const fetch: Fetch = (url, init) => {
      before.push(verified);
      return offering(sim)(url, init);
    };
    await clientOf(sim, { cache, fetch, crypto: { ...nodeCrypto, verify } }).refresh();
    expect(before).toEqual([0]);
    expect(verified).toBeGreaterThan(0);
  });

  it('is asked anew where the saved root is another than it was asked for', async () => {
    await asked();
    sim.publishRoot();
    await cache.put('root', sim.file('2.root.json'));
    expect(await asked()).toEqual(['updates 1 2 2 2', 'updates 2 2 2 2']);
    expect(await asked()).toEqual(['updates 2 2 2 2']);
  });

  it('is not waited for where the saved root is damaged', async () => {
    await asked();
    await cache.put('root', 'garbage');
    const signals: (AbortSignal | undefined)[] = [];
    const fetch: Fetch = (_, init) => {
      signals.push(init?.signal);
      return new Promise(() => undefined);
    };
    await expect(clientOf(sim, { cache, fetch }).refresh()).rejects.toMatchObject({ code: 'untrusted-root' });
    expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
  });

  it('that no longer offers it is followed file by file', async () => {
    await asked();
    sim.requests.length = 0;
    await clientOf(sim, { cache }).refresh();
    expect(sim.requests).toEqual(['updates?root=1&timestamp=2&snapshot=2&targets=2', '2.root.json', 'timestamp.json']);
    sim.requests.length = 0;
    await clientOf(sim, { cache }).refresh();
    expect(sim.requests).toEqual(['2.root.json', 'timestamp.json']);
  });
});

describe('a repository that does not offer it', () => {
  it('sees the requests of the specification, in its order, and no other', async () => {
    await clientOf(sim, { cache }).refresh();
    expect(sim.requests).toEqual(LONG_WAY);
  });
});

describe('updates that are wrong', () => {
  const bytesOf = (updates: Updates): Uint8Array => Buffer.concat(writeUpdates(updates));

  it.each<[string, Offering['instead']]>([
    ['nothing at all', () => new Uint8Array()],
    ['a web page', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['an error', () => new Response('busy', { status: 503 })],
    ['a refusal', () => new Response('', { status: 404 })],
    [
      'a lost connection',
      () => new Response(new ReadableStream({ start: (stream) => stream.error(new Error('gone')) })),
    ],
    ['a cut answer', (updates) => bytesOf(updates).subarray(0, -9)],
    ['an answer that goes on', (updates) => Buffer.concat([bytesOf(updates), Buffer.from('more')])],
    ['a length beyond the end', () => Buffer.from('timestamp 2 999999999999\n{}end\n')],
    ['a role of another kind', () => Buffer.from('team 2 2\n{}end\n')],
    ['a line without an end', () => Buffer.alloc(1_000, 'x')],
    ['roots that do not end', () => ({ files: [], complete: false })],
    [
      'files of no use',
      ({ files }) => ({ files: files.map((file) => ({ ...file, bytes: Buffer.from('{}') })), complete: true }),
    ],
    [
      "another role's file",
      ({ files }) => ({ files: files.map((file) => ({ ...file, bytes: files[0]!.bytes })), complete: true }),
    ],
    ['a missing snapshot', ({ files }) => ({ files: files.filter(({ role }) => role !== 'snapshot'), complete: true })],
  ])('%s: the state is found file by file', async (_what, instead) => {
    await asked({ ...(instead === undefined ? {} : { instead }) });
    expect(await cache.version('targets')).toBe(2);
  });

  it.each(['timestamp', 'snapshot', 'targets'])('by a stranger are refused as on the long way (%s)', async (role) => {
    corrupt.stranger(sim, sim.nameOf(role));
    await expect(asked()).rejects.toMatchObject({ code: 'threshold' });
    await expect(clientOf(sim).refresh()).rejects.toMatchObject({ code: 'threshold' });
  });

  it('with an older state than the one held are a rollback, or nothing new', async () => {
    const old = new Map(sim.files);
    sim.publish('targets');
    await asked();
    const timestamp = { role: parseRoleName('timestamp'), version: 2, bytes: old.get('timestamp.json')! };
    expect(await asked({ instead: () => ({ files: [timestamp], complete: true }) })).toContain('timestamp.json');
    expect(await cache.version('timestamp')).toBe(3);
    sim.files.set('timestamp.json', timestamp.bytes);
    const instead = (): Updates => ({ files: [timestamp], complete: true });
    await expect(asked({ instead })).rejects.toMatchObject({ code: 'rollback' });
  });

  it('rollback: notes that are ahead of the files, as after a power failure, keep no older state', async () => {
    await asked();
    const before = ['timestamp', 'snapshot', 'targets'].map((role) => [role, sim.file(sim.nameOf(role))] as const);
    sim.publish('targets');
    await asked();
    for (const [role, bytes] of before) await cache.put(role, bytes);
    expect((await asked())[0]).toBe('updates 1 3 3 3');
    expect(await cache.version('timestamp')).toBe(3);
    expect(await cache.version('targets')).toBe(3);
  });

  it('rollback: who was overtaken by a slower answer does not go back to what that one saved', async () => {
    await asked();
    let isFirst = true;
    const fetch: Fetch = async (url, init) => {
      if (isFirst) {
        isFirst = false;
        sim.publish('targets');
        await asked();
        sim.publish('targets');
      }
      return offering(sim)(url, init);
    };
    const overtaken = clientOf(sim, { cache, fetch });
    expect((await overtaken.refresh()).targets.signed.version).toBe(4);
    expect(await cache.version('targets')).toBe(3);
    expect((await cache.notes()).updates).toBeUndefined();
    expect((await overtaken.refresh()).targets.signed.version).toBe(4);
    expect(await cache.version('targets')).toBe(4);
  });

  it('that say nothing is new for ever are a freeze once the timestamp has expired', async () => {
    await asked();
    sim.timestamp.expires = '2030-01-02T00:00:00Z';
    sim.publishTimestamp();
    await asked();
    const frozen = offering(sim, { instead: () => ({ files: [], complete: true }) });
    const later = clientOf(sim, { cache, fetch: frozen, now: () => START + 2 * 86_400_000 });
    await expect(later.refresh()).rejects.toMatchObject({ code: 'freeze' });
  });
});

describe('the answer with all updates', () => {
  const file = fc.record({
    role: fc.constantFrom('root', 'timestamp', 'snapshot', 'targets').map(parseRoleName),
    version: fc.integer({ min: 1, max: 999_999 }),
    bytes: fc.uint8Array({ maxLength: 200 }),
  });

  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(file, { maxLength: 6 }), fc.boolean(), (files, complete) => {
        const body = new Uint8Array(Buffer.concat(writeUpdates({ files, complete })));
        expect(readUpdates(body)).toEqual({ files, complete });
      }),
    );
  });

  it('is refused or read, whatever it is', () => {
    const strange = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.string().map((text) => Buffer.from(`${text}\nend\n`)),
    );
    fc.assert(
      fc.property(strange, (body) => {
        try {
          readUpdates(body);
        } catch (error) {
          expect(error).toMatchObject({ code: 'malformed' });
        }
      }),
    );
  });
});
