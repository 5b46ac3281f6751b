import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MetadataCache } from '../../packages/client/src/cache.js';
import { MemoryCache } from '../../packages/client/src/cache.js';
import { DirectoryCache } from '../../packages/client/src/node/directory-cache.js';
import { parseRoleName, ROOT, SNAPSHOT, TIMESTAMP } from '../../packages/client/src/tuf/names.js';

let parent: string;
let directory: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'countersign-cache-'));
  directory = join(parent, 'collection');
});
afterEach(() => rmSync(parent, { recursive: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

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
])('a cache in %s', (_kind, open) => {
  it('gives back the exact bytes', async () => {
    const cache = open();
    await cache.save(TIMESTAMP, bytes('{"a": 1}  \n'));
    expect(new Uint8Array((await cache.load(TIMESTAMP))!)).toEqual(bytes('{"a": 1}  \n'));
    expect(await cache.load(SNAPSHOT)).toBeUndefined();
  });

  it('keeps awkward role names apart', async () => {
    const cache = open();
    for (const name of AWKWARD) await cache.save(parseRoleName(name), bytes(`of ${name}`));
    for (const name of AWKWARD)
      expect(new TextDecoder().decode(await cache.load(parseRoleName(name)))).toBe(`of ${name}`);
    expect(await cache.anchor()).toBeUndefined();
  });

  it('knows where its root came from', async () => {
    const cache = open();
    expect(await cache.anchor()).toBeUndefined();
    await cache.startFrom(bytes('root'), 'sha256:00');
    await cache.save(ROOT, bytes('next root'));
    expect(await cache.anchor()).toBe('sha256:00');
    expect(new TextDecoder().decode(await cache.load(ROOT))).toBe('next root');
  });
});

describe('a directory cache', () => {
  it('stays inside its directory, whatever roles are called', async () => {
    const cache = new DirectoryCache(directory);
    for (const name of AWKWARD) await cache.save(parseRoleName(name), bytes('x'));
    expect(readdirSync(parent)).toEqual(['collection']);
    expect(readdirSync(directory)).toHaveLength(AWKWARD.length);
  });

  it('names files as stock clients do', async () => {
    await new DirectoryCache(directory).save(parseRoleName('team/a b'), bytes('x'));
    expect(readdirSync(directory)).toEqual(['team%2Fa%20b.json']);
  });

  it('keeps a delegated Root apart from the root where the file system does not tell capitals from small letters', async () => {
    const cache = new DirectoryCache(directory);
    const names = ['root', 'Root', 'ROOT', 'team/a', 'TEAM/A', '%52oot', '%2f', '/', 'Ä', 'ä'];
    for (const name of names) await cache.save(parseRoleName(name), bytes(`of ${name}`));
    const files = readdirSync(directory).map((file) => file.toLowerCase());
    expect(new Set(files).size).toBe(names.length);
    expect(new TextDecoder().decode(await cache.load(ROOT))).toBe('of root');
  });

  it('belongs to the user alone and leaves no temporary file', async () => {
    await new DirectoryCache(directory).save(TIMESTAMP, bytes('x'));
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(readdirSync(directory)).toEqual(['timestamp.json']);
  });

  it('takes an oversized or unreadable file as absent', async () => {
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

  it('keeps the old file when the new one cannot be put in its place', async () => {
    const cache = new DirectoryCache(directory);
    await cache.save(TIMESTAMP, bytes('old'));
    mkdirSync(join(directory, 'snapshot.json'));
    await expect(cache.save(SNAPSHOT, bytes('new'))).rejects.toThrow();
    expect(readFileSync(join(directory, 'timestamp.json'), 'utf8')).toBe('old');
    expect(readdirSync(directory).sort()).toEqual(['snapshot.json', 'timestamp.json']);
  });
});
