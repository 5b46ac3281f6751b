import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { UpdateEvent } from '../../packages/client/src/reading/events.js';
import type { Updater, UpdaterOptions } from '../../packages/client/src/reading/updater.js';
import type { FoundTarget } from '../../packages/client/src/tuf/delegations.js';
import { clientOf, get, OpenCache } from '../simulator/client.js';
import { newKey } from '../simulator/keys.js';
import { offering } from '../simulator/offering.js';
import { date, RepositorySimulator, START } from '../simulator/repository.js';

const MINUTE = 60_000;
const DAY = 86_400_000;

let sim: RepositorySimulator;
let cache: OpenCache;
beforeEach(() => {
  sim = new RepositorySimulator();
  cache = new OpenCache();
});

/** A client of the shared cache, `later` milliseconds after the first. */
const client = (later = 0, options: Partial<UpdaterOptions> = {}): ReturnType<typeof clientOf> =>
  clientOf(sim, { cache, now: () => START + later, ...options });

/** Runs a refresh, and tells how many requests it made. */
async function requests(refresh: Promise<unknown>): Promise<number> {
  const before = sim.requests.length;
  await refresh;
  return sim.requests.length - before;
}

describe('a bounded staleness', () => {
  beforeEach(async () => {
    await client().refresh();
  });

  it('spares every request while the last refresh is recent enough, whoever made it', async () => {
    expect(await requests(client(59_000).refresh({ maxStale: 60 }))).toBe(0);
    expect(await requests(client(60_000).refresh({ maxStale: 60 }))).toBe(2);
    expect(await requests(client(61_000).refresh())).toBe(2);
  });

  it('counts from the last refresh that asked, not from one that did not', async () => {
    await client(40_000).refresh({ maxStale: 60 });
    expect(await requests(client(80_000).refresh({ maxStale: 60 }))).toBe(2);
  });

  it('finds targets without a request where the roles are saved', async () => {
    sim.addTarget('file', 'content');
    sim.publish('targets');
    await client().refresh();
    const updater = client(1_000);
    expect(await requests(updater.refresh({ maxStale: 60 }).then(() => updater.find('file')))).toBe(0);
    expect(await updater.find('file')).toMatchObject({ path: 'file' });
  });

  it('does not make expired metadata fresh', async () => {
    const afterAll = 31 * DAY;
    await expect(client(afterAll).refresh({ maxStale: 40 * 86_400 })).rejects.toMatchObject({ code: 'freeze' });
  });

  it.each(['timestamp', 'snapshot', 'targets'])('is of no use where the saved %s is damaged', async (role) => {
    await cache.put(role, 'garbage');
    expect(await requests(client(1_000).refresh({ maxStale: 60 }))).toBeGreaterThan(1);
  });

  it('is not believed where the clock was set back since', async () => {
    expect(await requests(client(-MINUTE).refresh({ maxStale: 3_600 }))).toBe(2);
  });
});

describe('a clock that was set back', () => {
  beforeEach(async () => {
    await client(10 * DAY).refresh();
  });

  it('is believed unless it is to be guarded', async () => {
    await client().refresh();
  });

  it('is refused before any request, with both times, where it is guarded', async () => {
    sim.requests.length = 0;
    await expect(client(0, { clockTolerance: 3600 }).refresh()).rejects.toMatchObject({
      code: 'clock',
      detail: { now: '2030-01-01T00:00:00Z', refreshed: '2030-01-11T00:00:00Z' },
    });
    await expect(client(0, { clockTolerance: 3600 }).refresh({ maxStale: 1e9 })).rejects.toMatchObject({
      code: 'clock',
    });
    expect(sim.requests).toEqual([]);
  });

  it('is tolerated as far as it is said', async () => {
    await client(10 * DAY - 3600_000, { clockTolerance: 3600 }).refresh();
    await expect(client(10 * DAY - 3600_001, { clockTolerance: 3600 }).refresh()).rejects.toThrow();
  });

  it('is not held against a refresh that failed', async () => {
    sim.answers.set('timestamp.json', () => new Response('', { status: 503 }));
    await expect(client(20 * DAY).refresh()).rejects.toMatchObject({ code: 'unavailable' });
    sim.answers.clear();
    await client(10 * DAY, { clockTolerance: 0 }).refresh();
  });
});

describe('a clock that is wrong', () => {
  it("is named beside the server's where metadata seems to have expired", async () => {
    const fetch: UpdaterOptions['fetch'] = async (url, init) => {
      const answer = (await sim.fetch(url, init)) as Response;
      answer.headers.set('date', new Date(START).toUTCString());
      return answer;
    };
    await expect(client(400 * DAY, { fetch }).refresh()).rejects.toMatchObject({
      code: 'freeze',
      next: expect.stringMatching(/clock says 2031-02-05T00:00:00Z, the server's 2030-01-01T00:00:00Z/u) as string,
    });
    const right = await client(400 * DAY)
      .refresh()
      .catch((error: unknown) => error);
    expect(right).toMatchObject({ code: 'freeze' });
    expect(String((right as { next?: string }).next)).not.toMatch(/clock says/u);
  });
});

describe('an operation that is to end', () => {
  it('fails with the reason it was given, and leaves nothing half done', async () => {
    const stop = new AbortController();
    sim.answers.set('timestamp.json', () => {
      stop.abort(new Error('enough'));
      return new Response(new ReadableStream());
    });
    await expect(client().refresh({ signal: stop.signal })).rejects.toThrow('enough');
    sim.answers.clear();
    await client().refresh();
  });

  it('does not begin where it was ended before', async () => {
    await expect(client().refresh({ signal: AbortSignal.abort(new Error('never')) })).rejects.toThrow('never');
    expect(sim.requests).toEqual([]);
  });

  it('that is over is not ended any more: later look-ups go on', async () => {
    sim.delegate('targets', 'team', { paths: ['t/*'] });
    sim.addTarget('t/file', 'theirs', 'team');
    sim.publish('targets', 'team');
    const stop = new AbortController();
    const updater = client();
    await updater.refresh({ signal: stop.signal });
    stop.abort();
    expect(await updater.find('t/file')).toMatchObject({ role: 'team' });
  });

  it('may be a look-up or a download alone', async () => {
    sim.delegate('targets', 'team', { paths: ['t/*'] });
    sim.addTarget('t/file', 'theirs', 'team');
    sim.publish('targets', 'team');
    const updater = client();
    await updater.refresh();
    const gone = AbortSignal.abort(new Error('changed my mind'));
    await expect(updater.find('t/file', { signal: gone })).rejects.toThrow('changed my mind');
    const target = await updater.find('t/file', { signal: new AbortController().signal });
    await expect(updater.download(target!, undefined, { signal: gone })).rejects.toThrow('changed my mind');
    expect(Buffer.from(await updater.download(target!)).toString()).toBe('theirs');
  });
});

describe('a look-up before any refresh', () => {
  let target: FoundTarget;
  beforeEach(async () => {
    sim.addTarget('file', 'content');
    sim.publish('targets');
    target = (await client().find('file'))!;
    sim.requests.length = 0;
  });

  const LOOK_UPS: readonly [string, (updater: Updater, signal: AbortSignal) => Promise<unknown>][] = [
    ['state', (updater, signal) => updater.state({ signal })],
    ['find', (updater, signal) => updater.find('file', { signal })],
    ['list', (updater, signal) => updater.list({ signal }).next()],
    ['download', (updater, signal) => updater.download(target, undefined, { signal })],
  ];

  it.each(LOOK_UPS)('%s refreshes, as long as its signal lets it', async (_, lookUp) => {
    const stop = new AbortController();
    const fetch: UpdaterOptions['fetch'] = async (url, init) => {
      if (!url.endsWith('timestamp.json')) return sim.fetch(url, init);
      stop.abort(new Error('enough'));
      return new Response(new ReadableStream());
    };
    await expect(lookUp(client(0, { fetch }), stop.signal)).rejects.toThrow('enough');
  });

  it.each(LOOK_UPS)('%s does not begin where it was ended before', async (_, lookUp) => {
    await expect(lookUp(client(), AbortSignal.abort(new Error('never')))).rejects.toThrow('never');
    expect(sim.requests).toEqual([]);
  });

  it('shares its refresh with others, who are not ended with it', async () => {
    const stop = new AbortController();
    const updater = client();
    sim.answers.set('timestamp.json', () => {
      sim.answers.clear();
      stop.abort(new Error('enough'));
      return new Response(new Uint8Array(sim.file('timestamp.json')));
    });
    const [ended, refreshed, found] = await Promise.allSettled([
      updater.find('file', { signal: stop.signal }),
      updater.state(),
      updater.find('file', { signal: new AbortController().signal }),
    ]);
    expect(ended).toMatchObject({ status: 'rejected', reason: { message: 'enough' } });
    expect(refreshed.status).toBe('fulfilled');
    expect(found).toMatchObject({ value: { path: 'file' } });
    expect(sim.requests.filter((name) => name === 'timestamp.json')).toHaveLength(1);
  });

  it('ends the refresh once nobody waits for it any more, and the next one begins anew', async () => {
    const stop = new AbortController();
    const ended: (AbortSignal | undefined)[] = [];
    let next: Promise<unknown> | undefined;
    const fetch: UpdaterOptions['fetch'] = (url, init) => {
      if (ended.length > 0) return sim.fetch(url, init);
      ended.push(init?.signal);
      queueMicrotask(() => {
        stop.abort(new Error('enough'));
        next = updater.find('file'); // while the other is still coming to its end
      });
      return new Promise(() => undefined);
    };
    const updater = client(0, { fetch });
    const both = [updater.find('file', { signal: stop.signal }), updater.find('file', { signal: stop.signal })];
    for (const each of await Promise.allSettled(both))
      expect(each).toMatchObject({ status: 'rejected', reason: { message: 'enough' } });
    expect(ended.map((signal) => signal?.aborted)).toEqual([true]);
    expect(await next).toMatchObject({ path: 'file' });
  });
});

describe('after a refresh that failed', () => {
  let updater: Updater;
  let now: number;
  const down = (): void => {
    sim.answers.set('timestamp.json', () => new Response('', { status: 503 }));
  };

  beforeEach(async () => {
    sim.delegate('targets', 'team', { paths: ['t/*'] });
    sim.addTarget('t/file', 'theirs', 'team');
    sim.addTarget('file', 'content');
    sim.role('team').expires = date(START + 10 * DAY);
    sim.timestamp.expires = date(START + 20 * DAY);
    sim.publish('targets', 'team');
    now = START;
    updater = clientOf(sim, { cache, now: () => now });
    await updater.refresh();
    expect(await updater.find('t/file')).toMatchObject({ role: 'team' });
  });

  it('what was verified before is read from, without a request', async () => {
    down();
    await expect(updater.refresh()).rejects.toMatchObject({ code: 'unavailable' });
    now += 9 * DAY;
    sim.requests.length = 0;
    expect(await updater.find('t/file')).toMatchObject({ role: 'team' });
    const listed: string[] = [];
    for await (const { path } of updater.list()) listed.push(path);
    expect(listed).toEqual(['file', 't/file']);
    expect(sim.requests).toEqual([]);
    expect(Buffer.from(await updater.download((await updater.find('file'))!)).toString()).toBe('content');
  });

  it('so it is by those who waited for it', async () => {
    down();
    const refreshing = updater.refresh();
    const found = updater.find('file');
    await expect(refreshing).rejects.toMatchObject({ code: 'unavailable' });
    expect(await found).toMatchObject({ path: 'file' });
  });

  it('nothing is read from that has expired since: freeze', async () => {
    down();
    await expect(updater.refresh()).rejects.toMatchObject({ code: 'unavailable' });
    now += 10 * DAY;
    await expect(updater.find('t/file')).rejects.toMatchObject({ code: 'freeze', detail: { role: 'team' } });
    expect(await updater.find('file')).toMatchObject({ path: 'file' });
    now += 10 * DAY;
    sim.requests.length = 0;
    await expect(updater.find('file')).rejects.toMatchObject({ code: 'unavailable' });
    expect(sim.requests).toContain('timestamp.json');
  });

  it('a guarded clock that was set back makes nothing fresh again: freeze', async () => {
    const guarded = clientOf(sim, { cache, now: () => now, clockTolerance: 3600 });
    now += 19 * DAY;
    await guarded.refresh();
    now = START;
    await expect(guarded.refresh()).rejects.toMatchObject({ code: 'clock' });
    await expect(guarded.find('file')).rejects.toMatchObject({ code: 'clock' });
    await expect(guarded.list().next()).rejects.toMatchObject({ code: 'clock' });
    now += 19 * DAY;
    expect(await guarded.find('file')).toMatchObject({ path: 'file' });
  });

  it('nothing is read from that a newer root has taken the keys from: key compromise', async () => {
    sim.setKeys('targets', [newKey()]);
    sim.publishRoot();
    sim.publish('targets');
    down();
    await expect(updater.refresh()).rejects.toMatchObject({ code: 'unavailable' });
    await expect(updater.find('file')).rejects.toMatchObject({ code: 'unavailable' });
    sim.answers.clear();
    expect((await updater.state()).trust.targets.signed.version).toBe(3);
  });

  it.each([
    ['file by file', () => sim.fetch],
    ['all at once', () => offering(sim)],
  ])('nor where that root, fetched %s, could not be saved: key compromise', async (_, fetch) => {
    updater = clientOf(sim, { cache, fetch: fetch() });
    await updater.refresh();
    sim.setKeys('targets', [newKey()]);
    sim.publishRoot();
    sim.publish('targets');
    const save = vi.spyOn(cache, 'save').mockRejectedValue(new Error('the disk is full'));
    await expect(updater.refresh()).rejects.toThrow('the disk is full');
    await expect(updater.find('file')).rejects.toThrow('the disk is full');
    save.mockRestore();
    expect((await updater.state()).trust.targets.signed.version).toBe(3);
  });

  it('an attack that was refused leaves what was verified before', async () => {
    sim.addTarget('file', 'a stranger made this');
    sim.signers.set('targets', [newKey()]);
    sim.publish('targets');
    await expect(updater.refresh()).rejects.toMatchObject({ code: 'threshold' });
    expect(await get(updater, 'file')).toBe('content');
  });

  it('the next one that succeeds is read from, judged at its moment', async () => {
    down();
    await expect(updater.refresh()).rejects.toMatchObject({ code: 'unavailable' });
    sim.answers.clear();
    sim.addTarget('new', 'x');
    sim.publish('targets');
    await updater.refresh();
    now += 99 * DAY;
    expect(await updater.find('new')).toMatchObject({ path: 'new' });
  });
});

describe('events', () => {
  it('tell what is asked for, received and trusted, in that order', async () => {
    const events: UpdateEvent[] = [];
    await client(0, { onEvent: (event) => events.push(event) }).refresh();
    expect(events.map((event) => ('file' in event ? `${event.kind} ${event.file}` : event.kind))).toEqual([
      'asking 2.root.json',
      'asking timestamp.json',
      'receiving timestamp.json',
      'trusted',
      'asking 1.snapshot.json',
      'receiving 1.snapshot.json',
      'trusted',
      'asking 1.targets.json',
      'receiving 1.targets.json',
      'trusted',
    ]);
    expect(events).toContainEqual({ kind: 'trusted', role: 'targets', bytes: sim.file('1.targets.json').length });
  });

  it('tell that another client was faster, whose state stays', async () => {
    const events: UpdateEvent[] = [];
    const slow = client(0, { onEvent: (event) => events.push(event) });
    const old = new Map(sim.files);
    sim.answers.set('timestamp.json', async () => {
      sim.answers.clear();
      sim.publish('targets');
      await client().refresh();
      return new Response(new Uint8Array(old.get('timestamp.json')!));
    });
    const trust = await slow.refresh();
    expect(trust.targets.signed.version).toBe(1);
    expect(events).toContainEqual({ kind: 'overtaken' });
    expect([await cache.version('timestamp'), await cache.version('snapshot'), await cache.version('targets')]).toEqual(
      [2, 2, 2],
    );
    // The slow one's next refresh goes on from what the other has saved.
    expect((await slow.refresh()).targets.signed.version).toBe(2);
  });
});
