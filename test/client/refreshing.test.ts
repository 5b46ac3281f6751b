import { beforeEach, describe, expect, it } from 'vitest';
import type { UpdateEvent } from '../../packages/client/src/reading/events.js';
import type { UpdaterOptions } from '../../packages/client/src/reading/updater.js';
import { clientOf, OpenCache } from '../simulator/client.js';
import { RepositorySimulator, START } from '../simulator/repository.js';

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
