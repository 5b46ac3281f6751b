import { IDBFactory } from 'fake-indexeddb';
import { describe, expect, it, vi } from 'vitest';
import { IndexedDbCache, type IndexedDbCacheOptions } from '@countersign/client/browser';
import { parseRoleName, ROOT, SNAPSHOT, TIMESTAMP } from '@countersign/client/tuf';
import { clientOf } from '../simulator/client.js';
import { RepositorySimulator, START } from '../simulator/repository.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (raw: Uint8Array | undefined): string => new TextDecoder().decode(raw);

/** A database of the name the cache uses, put there by somebody else. */
async function planted(factory: IDBFactory, version: number, key: IDBValidKey, value: unknown): Promise<void> {
  const request = factory.open('countersign/app', version);
  request.onupgradeneeded = () => request.result.createObjectStore('saved').put(value, key);
  await new Promise((resolve) => (request.onsuccess = resolve));
  request.result.close();
}

/** A factory that refuses to open, as browsers do: at once or later. */
function refusing(name: string, when: 'at once' | 'later'): IDBFactory {
  const factory = new IDBFactory();
  factory.open = () => {
    const error = new DOMException('not here', name);
    if (when === 'at once') throw error;
    const request = { error } as unknown as IDBOpenDBRequest;
    queueMicrotask(() => void request.onerror?.call(request, new Event('error')));
    return request;
  };
  return factory;
}

describe('a cache in IndexedDB', () => {
  it('serves the next page, and tells collections apart', async () => {
    const indexedDB = new IDBFactory();
    await new IndexedDbCache('app', { indexedDB }).startFrom(bytes('root'), 'sha256:00', undefined);
    await new IndexedDbCache('app', { indexedDB }).save(TIMESTAMP, bytes('{} \n'), undefined);
    const next = new IndexedDbCache('app', { indexedDB });
    expect([textOf(await next.load(ROOT)), textOf(await next.load(TIMESTAMP))]).toEqual(['root', '{} \n']);
    expect(await next.anchor()).toBe('sha256:00');
    expect(await new IndexedDbCache('other', { indexedDB }).load(ROOT)).toBeUndefined();
  });

  it('lets one of many tabs that replace the same file at once do so', async () => {
    const indexedDB = new IDBFactory();
    const tab = (): IndexedDbCache => new IndexedDbCache('app', { indexedDB });
    await tab().save(TIMESTAMP, bytes('old'), undefined);
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => tab().save(TIMESTAMP, bytes(`new ${i}`), bytes('old'))),
    );
    expect(results.filter((result) => result === 'saved')).toHaveLength(1);
    expect(textOf(await tab().load(TIMESTAMP))).toBe(`new ${results.indexOf('saved')}`);
  });

  it('stores a part of a large answer without the rest', async () => {
    const indexedDB = new IDBFactory();
    await new IndexedDbCache('app', { indexedDB }).save(TIMESTAMP, bytes('x'.repeat(1000)).subarray(0, 3), undefined);
    const saved = await new IndexedDbCache('app', { indexedDB }).load(TIMESTAMP);
    expect([saved?.length, saved?.buffer.byteLength]).toEqual([3, 3]);
  });

  it('does not keep a tab waiting that deletes it, and then begins anew', async () => {
    const indexedDB = new IDBFactory();
    const cache = new IndexedDbCache('app', { indexedDB });
    await cache.save(TIMESTAMP, bytes('x'), undefined);
    const deletion = indexedDB.deleteDatabase(cache.name);
    await new Promise((resolve) => (deletion.onsuccess = resolve));
    expect(await cache.load(TIMESTAMP)).toBeUndefined();
    expect(await cache.save(TIMESTAMP, bytes('y'), undefined)).toBe('saved');
  });

  it('takes what is no file as absent, and strange notes as none', async () => {
    const indexedDB = new IDBFactory();
    await planted(indexedDB, 1, ['file', 'snapshot'], 'not bytes');
    const cache = new IndexedDbCache('app', { indexedDB });
    expect(await cache.load(SNAPSHOT)).toBeUndefined();
    expect(await cache.save(SNAPSHOT, bytes('x'), undefined)).toBe('saved');
    const strange = new IDBFactory();
    await planted(strange, 1, 'notes', { refreshedAt: 7 });
    expect(await new IndexedDbCache('app', { indexedDB: strange }).notes()).toEqual({});
  });

  it('refuses to go on with a root it cannot read, or to replace it', async () => {
    const indexedDB = new IDBFactory();
    await planted(indexedDB, 1, ['file', 'root'], 'not bytes');
    const cache = new IndexedDbCache('app', { indexedDB });
    await expect(cache.load(ROOT)).rejects.toMatchObject({ code: 'untrusted-root' });
    await expect(cache.startFrom(bytes('root'), 'sha256:00', undefined)).rejects.toMatchObject({
      code: 'untrusted-root',
    });
  });

  it('does not touch what a newer version of the library has saved', async () => {
    const indexedDB = new IDBFactory();
    await planted(indexedDB, 2, ['file', 'root'], bytes('root'));
    const cache = new IndexedDbCache('app', { indexedDB });
    await expect(cache.load(ROOT)).rejects.toMatchObject({ code: 'unsupported' });
    await expect(cache.save(TIMESTAMP, bytes('x'), undefined)).rejects.toMatchObject({ code: 'unsupported' });
  });
});

describe('where the browser keeps nothing for the page', () => {
  it.each<[string, IDBFactory | undefined]>([
    ['there is no IndexedDB', undefined],
    ['it is refused at once', refusing('SecurityError', 'at once')],
    ['it is refused later', refusing('InvalidStateError', 'later')],
  ])('(%s) the cache goes on in memory, and that is said once', async (_why, indexedDB) => {
    const told: string[] = [];
    const options: IndexedDbCacheOptions = { onMemoryOnly: (why) => told.push(`${why.message}. ${why.next ?? ''}`) };
    const cache = new IndexedDbCache('app', indexedDB === undefined ? options : { ...options, indexedDB });
    await cache.startFrom(bytes('root'), 'sha256:00', undefined);
    expect(await cache.save(ROOT, bytes('next'), bytes('root'))).toBe('saved');
    expect(await cache.save(ROOT, bytes('late'), bytes('root'))).toBe('overtaken');
    await cache.saveNotes({ updates: { timestamp: 1, snapshot: 1, targets: 1 } });
    expect([textOf(await cache.load(ROOT)), await cache.anchor()]).toEqual(['next', 'sha256:00']);
    expect(await cache.notes()).toEqual({ updates: { timestamp: 1, snapshot: 1, targets: 1 } });
    expect(told).toEqual([expect.stringMatching(/^this browser keeps nothing for this page.*private window/u)]);
  });

  it.each([
    ['QuotaExceededError', 'storage-full'],
    ['UnknownError', 'untrusted-root'],
  ])('(%s) is an error, %s, where it is a fault: protection is not given up silently', async (name, code) => {
    const cache = new IndexedDbCache('app', { indexedDB: refusing(name, 'later') });
    await expect(cache.load(TIMESTAMP)).rejects.toMatchObject({ code });
    await expect(cache.save(parseRoleName('a'), bytes('x'), undefined)).rejects.toMatchObject({ code });
  });
});

describe('tabs that refresh at once', () => {
  /** Web Locks for one name: granted in order, each when the one before is done. */
  class OneLock {
    #last: Promise<unknown> = Promise.resolve();
    waiting = 0;

    async request<T>(_name: string, { signal }: { readonly signal: AbortSignal }, work: () => Promise<T>): Promise<T> {
      this.waiting += 1;
      const before = this.#last;
      const aborted = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
      const turn = Promise.race([before, aborted]).then(work);
      this.#last = turn.catch(() => undefined);
      return turn;
    }
  }

  const tabs = (sim: RepositorySimulator, options: IndexedDbCacheOptions): ReturnType<typeof clientOf>[] =>
    [1, 2, 3].map(() => clientOf(sim, { cache: new IndexedDbCache('app', options), now: () => START }));

  it('ask once, where a refresh of just now is recent enough', async () => {
    const sim = new RepositorySimulator();
    const all = tabs(sim, { indexedDB: new IDBFactory(), locks: new OneLock() });
    await Promise.all(all.map((tab) => tab.refresh({ maxStale: 5 })));
    expect(sim.requests).toEqual(['2.root.json', 'timestamp.json', '1.snapshot.json', '1.targets.json']);
  });

  it('download nothing twice, where each wants to know what is newest', async () => {
    const sim = new RepositorySimulator();
    const all = tabs(sim, { indexedDB: new IDBFactory(), locks: new OneLock() });
    await Promise.all(all.map((tab) => tab.refresh()));
    expect(sim.requests.filter((name) => /snapshot|targets/u.test(name))).toEqual([
      '1.snapshot.json',
      '1.targets.json',
    ]);
    expect(sim.requests.filter((name) => name === 'timestamp.json')).toHaveLength(3);
  });

  it('are all right without locks', async () => {
    const sim = new RepositorySimulator();
    const indexedDB = new IDBFactory();
    const refusedLocks = { request: () => Promise.reject(new DOMException('no', 'SecurityError')) };
    for (const tab of tabs(sim, { indexedDB, locks: refusedLocks })) await tab.refresh();
    expect(textOf(await new IndexedDbCache('app', { indexedDB }).load(ROOT))).toBe(textOf(sim.firstRoot));
  });

  it('do not wait for ever for one that is frozen', async () => {
    const sim = new RepositorySimulator();
    const locks = new OneLock();
    void locks.request('app', { signal: new AbortController().signal }, () => new Promise(() => undefined));
    const patience = new AbortController();
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(patience.signal);
    const cache = new IndexedDbCache('app', { indexedDB: new IDBFactory(), locks });
    const refreshed = clientOf(sim, { cache }).refresh();
    await expect.poll(() => locks.waiting).toBe(2);
    expect(timeout).toHaveBeenCalledWith(20_000);
    expect(sim.requests).toEqual([]);
    patience.abort(new DOMException('too long', 'TimeoutError'));
    await refreshed;
    expect(sim.requests).toContain('timestamp.json');
    timeout.mockRestore();
  });

  it('tell why a refresh failed, and try it once', async () => {
    const sim = new RepositorySimulator();
    sim.files.delete('timestamp.json');
    const cache = new IndexedDbCache('app', { indexedDB: new IDBFactory(), locks: new OneLock() });
    await expect(clientOf(sim, { cache }).refresh()).rejects.toMatchObject({ code: 'not-found' });
    expect(sim.requests).toEqual(['2.root.json', 'timestamp.json']);
  });

  it('may be told to stop waiting for the others', async () => {
    const sim = new RepositorySimulator();
    const locks = new OneLock();
    void locks.request('app', { signal: new AbortController().signal }, () => new Promise(() => undefined));
    const cache = new IndexedDbCache('app', { indexedDB: new IDBFactory(), locks });
    const stop = new AbortController();
    const refreshed = clientOf(sim, { cache }).refresh({ signal: stop.signal });
    await expect.poll(() => locks.waiting).toBe(2);
    stop.abort(new Error('the user left'));
    await expect(refreshed).rejects.toThrow('the user left');
    expect(sim.requests).toEqual([]);
  });
});
