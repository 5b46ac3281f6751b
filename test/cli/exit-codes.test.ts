import { rm, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Meddling } from '../support/front.js';
import { TestClock } from '../support/world.js';
import { Published } from './published.js';
import { Person } from './terminal.js';

let around: Published;
let name: string;

beforeAll(async () => {
  around = await Published.begin();
  ({ name } = around);
});
afterEach(() => void (around.front.meddle = () => undefined));
afterAll(() => around.stop());

describe('the command ends with', () => {
  it('3 where there is no such target, file or collection', async () => {
    const { publisher, stranger, world } = around;
    expect(await publisher.run('get', name, 'nothing')).toMatchObject({ code: 3, out: '' });
    expect(await publisher.run('verify', name, 'lib/a.txt', '/nowhere')).toMatchObject({ code: 3, out: '' });
    expect(await publisher.run('add', name, '/nowhere')).toMatchObject({ code: 3, out: '' });
    const nobodys = ['list', `${name}/nobody`, '--server', world.url, '--trust-on-first-use'];
    expect(await stranger.run(...nobodys)).toMatchObject({ code: 3, out: '' });
  });

  it('3 where a staged file has gone', async () => {
    const { publisher } = around;
    await writeFile(publisher.path('gone'), 'gone');
    await publisher.ok('add', name, publisher.path('gone'));
    await rm(publisher.path('gone'));
    const ran = await publisher.run('publish', name);
    expect(ran).toMatchObject({ code: 3, out: '' });
    expect(ran.err).toContain(`${publisher.path('gone')}, which is staged, is not there any more`);
    await publisher.ok('reset', name);
  });

  it('5 where the metadata has expired', async () => {
    const later = new TestClock();
    later.advance(400 * 86_400);
    const reader = await Person.arrive({ server: around.world.url, now: later.now });
    const ran = await reader.run('list', name, '--root-fingerprint', around.rootFingerprint);
    expect(ran).toMatchObject({ code: 5, out: '' });
    expect(ran.err).toContain('expired');
    await reader.leave();
  });

  it('7 where nobody answers', async () => {
    const nobody = ['--server', 'http://127.0.0.1:9/', '--trust-on-first-use'];
    expect(await around.stranger.run('list', name, ...nobody)).toMatchObject({ code: 7, out: '' });
    expect(await around.stranger.run('init', `${name}/new`, ...nobody.slice(0, 2))).toMatchObject({ code: 7, out: '' });
  });
});

describe('a publish that fails keeps what is staged, and ends with', () => {
  const FAILURES: readonly (readonly [number, Extract<Meddling, string>, string])[] = [
    [10, 'storage-full', 'PUT'],
    [10, 'storage-full', 'POST'],
    [7, 'unavailable', 'POST'],
    [7, 'drop', 'POST'],
    [7, 'drop', 'PUT'],
    [9, 'too-large', 'PUT'],
    [6, 'conflict', 'POST'],
  ];

  it.each(FAILURES)('%d for %s at a %s', async (code, meddling, method) => {
    const { publisher, front, ca } = around;
    front.meddle = (request) => (request.startsWith(method) ? meddling : undefined);
    await around.stage('kept', `${code} ${meddling} ${method}`);
    const ran = await publisher.run('publish', name, '--server', front.url, '--ca', ca);
    expect(ran).toMatchObject({ code, out: '' });
    expect(ran.err).toMatch(/^countersign: .+\n(?: {2}→ .+\n)?$/u);
    expect(await around.staged()).toEqual(['kept']);
  });
});

describe('a publish that cannot be read back', () => {
  it('attack: as who drops it answers like the server, keeps what was staged', async () => {
    const { publisher, front, ca } = around;
    await around.stage('dropped', 'one');
    const told = { gun: name, versions: { targets: 99 }, timestampExpires: '2040-01-01T00:00:00Z', repeated: false };
    front.meddle = (request) => (request.startsWith('POST') ? { answer: JSON.stringify(told) } : undefined);
    const ran = await publisher.run('publish', name, '--server', front.url, '--ca', ca);
    expect(ran).toMatchObject({ code: 7, out: '' });
    expect(ran.err).toContain('the server shows version');
    expect(await around.staged()).toContain('dropped');
    await publisher.ok('reset', name);
  });

  it('keeps what was staged, and finds it published when run again', async () => {
    const { publisher, front, ca } = around;
    await around.stage('late', 'one');
    let published = false;
    front.meddle = (request) => {
      published ||= request.startsWith('POST');
      return published && !request.startsWith('POST') ? 'drop' : undefined;
    };
    const ran = await publisher.run('publish', name, '--server', front.url, '--ca', ca);
    expect(ran).toMatchObject({ code: 7, out: '' });
    expect(ran.err).toContain('the answer was that it is published, but it could not be read back');
    expect(await around.staged()).toContain('late');
    expect(await publisher.ok('publish', name)).toContain('is in');
    expect(await around.staged()).toEqual([]);
  });
});

describe('a rotation that fails after its key was made', () => {
  it('says how to go on with that key, and one that succeeds does not', async () => {
    const { publisher, front, ca } = around;
    front.meddle = (request) => (request.startsWith('POST') ? 'too-large' : undefined);
    const failed = await publisher.run('rotate', name, 'targets', '--server', front.url, '--ca', ca);
    expect(failed.code).toBe(9);
    const key = /to try again with it, give --key ([0-9a-f]{64})\n/u.exec(failed.err)?.[1] ?? 'none';
    expect(await publisher.run('rotate', name, 'targets', '--key', key)).toMatchObject({ code: 0, err: '' });
    const uses = await publisher.json<{ id: string; uses: unknown[] }[]>('key', 'list');
    expect(uses.find(({ id }) => id === key)?.uses).toEqual([{ name, role: 'targets' }]);
  });
});

describe('reset', () => {
  it('drops the named targets, or all, and nothing where a name is wrong', async () => {
    const { publisher } = around;
    await publisher.ok('reset', name);
    for (const target of ['x', 'y', 'd/z']) await around.stage(target, target);
    expect(await publisher.run('reset', name, 'x', 'wrong')).toMatchObject({ code: 3, out: '' });
    expect(await around.staged()).toEqual(['x', 'y', 'd/z']);
    expect(await publisher.ok('reset', name, 'x', 'd/')).toBe('2 staged changes dropped.\n');
    expect(await around.staged()).toEqual(['y']);
    await publisher.ok('reset', name);
    expect(await around.staged()).toEqual([]);
  });
});
