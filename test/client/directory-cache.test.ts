import { randomUUID } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import * as files from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MetadataCache } from '../../packages/client/src/cache/cache.js';
import { IndexedDbCache } from '../../packages/client/src/browser/indexed-db-cache.js';
import { MemoryCache } from '../../packages/client/src/cache/cache.js';
import { DirectoryCache } from '../../packages/client/src/node/directory-cache.js';
import { instant, parseRoleName, ROOT, SNAPSHOT, TIMESTAMP } from '../../packages/client/src/tuf/names.js';
import { containing } from '../simulator/matchers.js';

vi.mock('node:fs/promises', { spy: true });

let parent: string;
let directory: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'countersign-cache-'));
  directory = join(parent, 'collection');
});
afterEach(() => {
  vi.resetAllMocks();
  rmSync(parent, { recursive: true });
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** From here on no file can be made; those that are there can be read. */
async function refusingToWrite(code: string): Promise<void> {
  const { open } = await vi.importActual<typeof files>('node:fs/promises');
  vi.mocked(files.open).mockImplementation((path, flags, mode) =>
    flags === 'r' ? open(path, flags, mode) : Promise.reject(Object.assign(new Error(code), { code })),
  );
}

const AWKWARD = [
  '..',
  '.',
  '../../escape',
  '/etc/passwd',
  'a/b',
  'a%2Fb',
  'a b',
  '%',
  'ünï/ко́д',
  '1.root',
  'constructor',
  '__proto__',
  'trust-anchor',
  'x'.repeat(300),
  '/'.repeat(100),
  `%sha256-${'0'.repeat(64)}`,
];

describe.each<[string, () => MetadataCache]>([
  ['memory', () => new MemoryCache()],
  ['directory', () => new DirectoryCache(directory)],
  ['IndexedDB', () => new IndexedDbCache('app', { indexedDB: new IDBFactory() })],
])('a cache in %s', (_kind, open) => {
  it('gives back the exact bytes', async () => {
    const cache = open();
    await cache.save(TIMESTAMP, bytes('{"a": 1}  \n'), undefined);
    expect(new Uint8Array((await cache.load(TIMESTAMP))!)).toEqual(bytes('{"a": 1}  \n'));
    expect(await cache.load(SNAPSHOT)).toBeUndefined();
  });

  it('keeps awkward role names apart', async () => {
    const cache = open();
    for (const name of AWKWARD) await cache.save(parseRoleName(name), bytes(`of ${name}`), undefined);
    for (const name of AWKWARD)
      expect(new TextDecoder().decode(await cache.load(parseRoleName(name)))).toBe(`of ${name}`);
    expect(await cache.anchor()).toBeUndefined();
  });

  it('knows where its root came from', async () => {
    const cache = open();
    expect(await cache.anchor()).toBeUndefined();
    await cache.startFrom(bytes('root'), 'sha256:00', undefined);
    await cache.save(ROOT, bytes('next root'), bytes('root'));
    expect(await cache.anchor()).toBe('sha256:00');
    expect(new TextDecoder().decode(await cache.load(ROOT))).toBe('next root');
  });

  it('undoes nothing another client has saved meanwhile', async () => {
    const cache = open();
    await cache.save(TIMESTAMP, bytes('1'), undefined);
    expect(await cache.save(TIMESTAMP, bytes('2'), bytes('1'))).toBe('saved');
    expect(await cache.save(TIMESTAMP, bytes('old'), bytes('1'))).toBe('overtaken');
    expect(await cache.save(TIMESTAMP, bytes('old'), undefined)).toBe('overtaken');
    expect(new TextDecoder().decode(await cache.load(TIMESTAMP))).toBe('2');
    // The very same bytes are no conflict.
    expect(await cache.save(TIMESTAMP, bytes('2'), bytes('1'))).toBe('saved');
  });

  it('does not begin again where another client has begun', async () => {
    const cache = open();
    await cache.startFrom(bytes('root'), 'sha256:00', undefined);
    await cache.save(ROOT, bytes('next root'), bytes('root'));
    expect(await cache.startFrom(bytes('root'), 'sha256:00', undefined)).toBe('overtaken');
    expect(new TextDecoder().decode(await cache.load(ROOT))).toBe('next root');
    expect(await cache.startFrom(bytes('other'), 'sha256:11', bytes('next root'))).toBe('saved');
    expect(await cache.anchor()).toBe('sha256:11');
  });

  it('keeps notes', async () => {
    const cache = open();
    expect(await cache.notes()).toEqual({});
    const notes = {
      refreshedAt: instant(1_700_000_000_000),
      updates: { root: 4, timestamp: 3, snapshot: 2, targets: 0 },
    };
    await cache.saveNotes(notes);
    expect(await cache.notes()).toEqual(notes);
    await cache.saveNotes({ refreshedAt: notes.refreshedAt });
    expect(await cache.notes()).toEqual({ refreshedAt: notes.refreshedAt });
  });
});

describe('a directory cache', () => {
  it('stays inside its directory, whatever roles are called', async () => {
    const cache = new DirectoryCache(directory);
    for (const name of AWKWARD) await cache.save(parseRoleName(name), bytes('x'), undefined);
    expect(readdirSync(parent)).toEqual(['collection']);
    expect(readdirSync(directory)).toHaveLength(AWKWARD.length);
  });

  it('names files as stock clients do', async () => {
    await new DirectoryCache(directory).save(parseRoleName('team/a b'), bytes('x'), undefined);
    expect(readdirSync(directory)).toEqual(['team%2Fa%20b.json']);
  });

  it('keeps a delegated Root apart from the root where the file system does not tell capitals from small letters', async () => {
    const cache = new DirectoryCache(directory);
    const names = ['root', 'Root', 'ROOT', 'team/a', 'TEAM/A', '%52oot', '%2f', '/', 'Ä', 'ä'];
    for (const name of names) await cache.save(parseRoleName(name), bytes(`of ${name}`), undefined);
    const files = readdirSync(directory).map((file) => file.toLowerCase());
    expect(new Set(files).size).toBe(names.length);
    expect(new TextDecoder().decode(await cache.load(ROOT))).toBe('of root');
  });

  it('belongs to the user alone and leaves no temporary file', async () => {
    await new DirectoryCache(directory).save(TIMESTAMP, bytes('x'), undefined);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(readdirSync(directory)).toEqual(['timestamp.json']);
  });

  it('takes an oversized file, or none, as absent', async () => {
    mkdirSync(join(directory, 'snapshot.json'), { recursive: true });
    writeFileSync(join(directory, 'timestamp.json'), Buffer.alloc(101));
    const cache = new DirectoryCache(directory, { maxBytes: 100 });
    expect(await cache.load(TIMESTAMP)).toBeUndefined();
    expect(await cache.load(SNAPSHOT)).toBeUndefined();
  });

  it('refuses to go on with a root it cannot read', async () => {
    mkdirSync(join(directory, 'root.json'), { recursive: true });
    await expect(new DirectoryCache(directory).load(ROOT)).rejects.toMatchObject({ code: 'untrusted-root' });
  });

  it.each(['timestamp.json', 'trust-anchor', 'notes'])(
    'rollback: does not take %s, which is there and cannot be read, as absent',
    async (name) => {
      mkdirSync(directory);
      symlinkSync(name, join(directory, name)); // a circle: ELOOP, as any other fault
      const cache = new DirectoryCache(directory);
      const read = { 'timestamp.json': () => cache.load(TIMESTAMP), 'trust-anchor': () => cache.anchor() }[name];
      await expect((read ?? (() => cache.notes()))()).rejects.toMatchObject({
        code: 'usage',
        message: containing(`${name} cannot be read`),
      });
    },
  );

  it('keeps the old file when the new one cannot be put in its place', async () => {
    const cache = new DirectoryCache(directory);
    await cache.save(TIMESTAMP, bytes('old'), undefined);
    mkdirSync(join(directory, 'snapshot.json'));
    await expect(cache.save(SNAPSHOT, bytes('new'), undefined)).rejects.toThrow();
    expect(readFileSync(join(directory, 'timestamp.json'), 'utf8')).toBe('old');
    expect(readdirSync(directory).sort()).toEqual(['snapshot.json', 'timestamp.json']);
  });

  it.each([
    '',
    '{',
    '[]',
    'null',
    '"x"',
    '{"refreshedAt":"yesterday"}',
    '{"updates":{"timestamp":-1}}',
    '{"updates":7}',
  ])('takes damaged notes, %j, as none', async (text) => {
    mkdirSync(directory);
    writeFileSync(join(directory, 'notes'), text);
    expect(await new DirectoryCache(directory).notes()).toEqual({});
  });

  it('lets one of many that replace the same file at once do so', async () => {
    await new DirectoryCache(directory).save(TIMESTAMP, bytes('old'), undefined);
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        new DirectoryCache(directory).save(TIMESTAMP, bytes(`new ${i}`), bytes('old')),
      ),
    );
    expect(results.filter((result) => result === 'saved')).toHaveLength(1);
    expect(readFileSync(join(directory, 'timestamp.json'), 'utf8')).toBe(`new ${results.indexOf('saved')}`);
    expect(readdirSync(directory)).toEqual(['timestamp.json']);
  });

  it('replaces what it has read or written without reading it again', async () => {
    await new DirectoryCache(directory).save(TIMESTAMP, bytes('1'), undefined);
    const cache = new DirectoryCache(directory);
    const first = (await cache.load(TIMESTAMP))!;
    const second = bytes('2');
    vi.mocked(files.open).mockClear();
    expect(await cache.save(TIMESTAMP, second, first)).toBe('saved');
    expect(await cache.save(TIMESTAMP, bytes('3'), second)).toBe('saved');
    expect(vi.mocked(files.open).mock.calls.filter(([, flags]) => flags === 'r')).toEqual([]);
    expect(readFileSync(join(directory, 'timestamp.json'), 'utf8')).toBe('3');
  });

  it('does not take a file for the one it knows because it is as long and as old', async () => {
    const cache = new DirectoryCache(directory);
    const known = bytes('1');
    await cache.save(TIMESTAMP, known, undefined);
    const path = join(directory, 'timestamp.json');
    const { atimeMs, mtimeMs } = statSync(path);
    writeFileSync(join(parent, 'other'), '2');
    renameSync(join(parent, 'other'), path);
    utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
    expect(await cache.save(TIMESTAMP, bytes('3'), known)).toBe('overtaken');
    expect(readFileSync(path, 'utf8')).toBe('2');
  });

  it('goes on where the directory was removed under it', async () => {
    const cache = new DirectoryCache(directory);
    await cache.save(TIMESTAMP, bytes('1'), undefined);
    rmSync(directory, { recursive: true });
    await cache.saveNotes({ refreshedAt: instant(1) });
    expect(await cache.save(TIMESTAMP, bytes('2'), undefined)).toBe('saved');
    expect(readdirSync(directory).sort()).toEqual(['notes', 'timestamp.json']);
  });

  it('killed at any call, leaves the old file or the new one, and the next process goes on', async () => {
    const actual = await vi.importActual<typeof files>('node:fs/promises');
    const calls = ['open', 'stat', 'link', 'unlink', 'rename', 'rm', 'mkdir', 'readFile'] as const;
    const living = { pid: 1, isAlive: (pid: number) => pid === 1 };
    const seen = new Set<string>();
    for (let lived = 0, dead = true; dead; lived += 1) {
      rmSync(directory, { recursive: true, force: true });
      await new DirectoryCache(directory, { process: living }).save(TIMESTAMP, bytes('old'), undefined);
      let made = 0;
      for (const call of calls) {
        vi.mocked(files[call] as (...args: unknown[]) => unknown).mockImplementation((...args) =>
          ++made > lived
            ? Promise.reject(Object.assign(new Error('killed'), { code: 'EKILLED' }))
            : (actual[call] as (...args: unknown[]) => unknown)(...args),
        );
      }
      const dying = new DirectoryCache(directory, { process: { ...living, pid: 2 } });
      const result = await dying.save(TIMESTAMP, bytes('new'), bytes('old')).catch(() => 'killed');
      vi.resetAllMocks();
      const next = new DirectoryCache(directory, { process: living });
      const left = (await next.load(TIMESTAMP))!;
      seen.add(new TextDecoder().decode(left));
      expect(await next.save(TIMESTAMP, bytes('next'), left)).toBe('saved');
      dead = result === 'killed';
    }
    expect(seen).toEqual(new Set(['old', 'new']));
  });

  it('rollback: stopped in a save for so long that another has gone on, puts no older file over the newer', async () => {
    const [slow, quick] = [new DirectoryCache(directory), new DirectoryCache(directory)];
    await slow.save(TIMESTAMP, bytes('1'), undefined);
    const { open } = await vi.importActual<typeof files>('node:fs/promises');
    vi.mocked(files.open).mockImplementation(async (...args) => {
      const file = await open(...args);
      if (String(args[0]).endsWith('.part')) {
        vi.resetAllMocks();
        const longAgo = Date.now() / 1000 - 11;
        utimesSync(join(directory, 'lock'), longAgo, longAgo);
        expect(await quick.save(TIMESTAMP, bytes('3'), bytes('1'))).toBe('saved');
      }
      return file;
    });
    expect(await slow.save(TIMESTAMP, bytes('2'), bytes('1'))).toBe('overtaken');
    expect(readFileSync(join(directory, 'timestamp.json'), 'utf8')).toBe('3');
    expect(readdirSync(directory)).toEqual(['timestamp.json']);
  });

  it('takes over the lock of a process that died with it', async () => {
    mkdirSync(directory);
    writeFileSync(join(directory, 'lock'), JSON.stringify({ pid: 2, host: hostname(), token: randomUUID() }));
    const process = { pid: 1, isAlive: (pid: number) => pid === 1 };
    const cache = new DirectoryCache(directory, { process });
    expect(await cache.save(TIMESTAMP, bytes('x'), undefined)).toBe('saved');
    expect(readdirSync(directory)).toEqual(['timestamp.json']);
  });

  it('takes over a lock so old that whoever held it is gone, though another process has its number by now', async () => {
    mkdirSync(directory);
    const path = join(directory, 'lock');
    writeFileSync(path, JSON.stringify({ pid: process.ppid, host: hostname(), token: randomUUID() }));
    const hourAgo = Date.now() / 1000 - 3600;
    utimesSync(path, hourAgo, hourAgo);
    expect(await new DirectoryCache(directory).save(TIMESTAMP, bytes('x'), undefined)).toBe('saved');
  });

  describe('that may not be written to', () => {
    beforeEach(async () => {
      const cache = new DirectoryCache(directory);
      await cache.startFrom(bytes('root'), 'sha256:00', undefined);
      await cache.save(TIMESTAMP, bytes('saved'), undefined);
    });

    it.each(['EROFS', 'EACCES', 'EPERM'])('(%s) is gone on with in memory, and that is said once', async (code) => {
      await refusingToWrite(code);
      const told: string[] = [];
      const cache = new DirectoryCache(directory, { onReadOnly: (why) => told.push(why.message) });
      expect(await cache.save(TIMESTAMP, bytes('new'), bytes('saved'))).toBe('saved');
      expect(await cache.save(ROOT, bytes('next'), bytes('root'))).toBe('saved');
      expect(await cache.save(ROOT, bytes('late'), bytes('root'))).toBe('overtaken');
      await cache.saveNotes({ refreshedAt: instant(1) });
      expect(new TextDecoder().decode(await cache.load(TIMESTAMP))).toBe('new');
      expect(new TextDecoder().decode(await cache.load(ROOT))).toBe('next');
      expect(await cache.anchor()).toBe('sha256:00');
      expect(await cache.notes()).toEqual({ refreshedAt: 1 });
      expect(told).toEqual([`${directory} cannot be written to: nothing is remembered after this run`]);
      expect(readFileSync(join(directory, 'timestamp.json'), 'utf8')).toBe('saved');
    });

    it('still guards the clock by what is on the disk, until something newer is noted', async () => {
      await new DirectoryCache(directory).saveNotes({ refreshedAt: instant(1_000) });
      vi.mocked(files.writeFile).mockRejectedValue(Object.assign(new Error('read-only'), { code: 'EROFS' }));
      const cache = new DirectoryCache(directory);
      await cache.save(TIMESTAMP, bytes('new'), bytes('saved'));
      expect(await cache.notes()).toEqual({ refreshedAt: 1_000 });
      await cache.saveNotes({ refreshedAt: instant(2_000) });
      expect(await cache.notes()).toEqual({ refreshedAt: 2_000 });
    });

    it('because the disk is full is an error: protection is not given up silently', async () => {
      await refusingToWrite('ENOSPC');
      const cache = new DirectoryCache(directory);
      await expect(cache.save(TIMESTAMP, bytes('new'), bytes('saved'))).rejects.toMatchObject({ code: 'storage-full' });
      expect(new TextDecoder().decode(await cache.load(TIMESTAMP))).toBe('saved');
    });
  });
});
