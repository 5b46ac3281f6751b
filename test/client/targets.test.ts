import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../packages/client/src/node/crypto.js';
import { intoFile } from '../../packages/client/src/node/download.js';
import { verifyFile } from '../../packages/client/src/node/verify-file.js';
import type { FoundTarget } from '../../packages/client/src/tuf/delegations.js';
import type { Updater } from '../../packages/client/src/reading/updater.js';
import { clientOf, get } from '../simulator/client.js';
import { endless } from '../simulator/hostile.js';
import { sha256 } from '../simulator/keys.js';
import { RepositorySimulator } from '../simulator/repository.js';

let sim: RepositorySimulator;
let updater: Updater;
let directory: string;
const CONTENT = 'the genuine content';
const NAME = `dir/${sha256(CONTENT)}.file`;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'countersign-targets-'));
  sim = new RepositorySimulator();
  sim.addTarget('dir/file', CONTENT);
  sim.publish('targets');
  updater = clientOf(sim);
});
afterEach(() => rmSync(directory, { recursive: true }));

async function target(path = 'dir/file'): Promise<FoundTarget> {
  const found = await updater.find(path);
  if (found === undefined) throw new Error(`no target ${path}`);
  return found;
}

/** Answers in two chunks, so that a first one could leak. */
function chunked(first: string, second: string): () => Response {
  return () =>
    new Response(
      new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(Buffer.from(first));
          controller.enqueue(Buffer.from(second));
          controller.close();
        },
      }),
    );
}

const ATTACKS: readonly (readonly [string, () => Response, string])[] = [
  ['a changed byte', chunked('the genuine', ' c0ntent'), 'arbitrary-software'],
  ['a missing byte', chunked('the genuine', ' conten'), 'arbitrary-software'],
  ['another file', chunked('something', ' else here'), 'arbitrary-software'],
  ['nothing', () => new Response(''), 'arbitrary-software'],
  ['one byte too many', chunked(CONTENT, '!'), 'endless-data'],
  ['data without end', endless, 'endless-data'],
  ['an error', () => new Response('', { status: 500 }), 'unavailable'],
  ['no file', () => new Response('', { status: 404 }), 'not-found'],
];

describe('downloading a target', () => {
  it('puts the genuine file in its place, and says how far it is', async () => {
    const progress: number[] = [];
    await updater.download(await target(), intoFile(join(directory, 'new/deep/file')), {
      onProgress: (bytes) => progress.push(bytes),
    });
    expect(readFileSync(join(directory, 'new/deep/file'), 'utf8')).toBe(CONTENT);
    expect(progress.at(-1)).toBe(CONTENT.length);
    expect(readdirSync(join(directory, 'new/deep'))).toEqual(['file']);
  });

  it.each(ATTACKS)('%s leaves the old file and nothing else', async (_what, answer, code) => {
    const destination = join(directory, 'file');
    writeFileSync(destination, 'old and good');
    sim.answers.set(NAME, answer);
    await expect(updater.download(await target(), intoFile(destination))).rejects.toMatchObject({ code });
    expect(readFileSync(destination, 'utf8')).toBe('old and good');
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it.each(ATTACKS)('%s makes no file where there was none', async (_what, answer, code) => {
    sim.answers.set(NAME, answer);
    await expect(updater.download(await target(), intoFile(join(directory, 'file')))).rejects.toMatchObject({ code });
    expect(readdirSync(directory)).toEqual([]);
  });

  it('cleans up where the file cannot be put in its place', async () => {
    mkdirSync(join(directory, 'file'));
    await expect(updater.download(await target(), intoFile(join(directory, 'file')))).rejects.toThrow();
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it('an empty target is a target', async () => {
    sim.addTarget('empty', '');
    sim.publish('targets');
    await updater.refresh();
    await updater.download(await target('empty'), intoFile(join(directory, 'empty')));
    expect(readFileSync(join(directory, 'empty'), 'utf8')).toBe('');
  });
});

describe('reading a target as a stream', () => {
  it('never gives the last chunk of a wrong file', async () => {
    sim.answers.set(NAME, chunked('the genuine', ' c0ntent'));
    const seen: string[] = [];
    const reading = (async () => {
      for await (const chunk of updater.open(await target())) seen.push(Buffer.from(chunk).toString());
    })();
    await expect(reading).rejects.toMatchObject({ code: 'arbitrary-software', detail: { target: 'dir/file' } });
    expect(seen).toEqual(['the genuine']);
  });
});

describe('hashes', () => {
  const list = (hashes: Record<string, string>, length = CONTENT.length): void => {
    sim.targets.targets['dir/file'] = { length, hashes };
    sim.publish('targets');
  };

  it('every listed one must match', async () => {
    list({ sha256: sha256(CONTENT), sha512: '00'.repeat(64) });
    await expect(get(updater, 'dir/file')).rejects.toMatchObject({ code: 'arbitrary-software' });
  });

  it('do not do for a length that differs', async () => {
    list({ sha256: sha256(CONTENT) }, CONTENT.length + 1);
    await expect(get(updater, 'dir/file')).rejects.toMatchObject({ code: 'arbitrary-software' });
    list({ sha256: sha256(CONTENT) }, CONTENT.length - 1);
    await updater.refresh();
    await expect(get(updater, 'dir/file')).rejects.toMatchObject({ code: 'endless-data' });
  });

  it('no room is made for a length that no file has: denial of service', async () => {
    list({ sha256: sha256(CONTENT) }, 2 ** 50);
    await expect(updater.download(await target())).rejects.toMatchObject({ code: 'arbitrary-software' });
  });

  it('one of an unknown algorithm refuses the file', async () => {
    list({ sha256: sha256(CONTENT), 'sha3-256': '00'.repeat(32) });
    await expect(get(updater, 'dir/file')).rejects.toMatchObject({ code: 'unsupported' });
  });
});

describe('a target renamed', () => {
  it('is not served as another one', async () => {
    sim.addTarget('dir/other', 'another content');
    sim.publish('targets');
    sim.targetFiles.set(NAME, Buffer.from('another content'));
    await expect(get(updater, 'dir/file')).rejects.toMatchObject({ code: 'arbitrary-software' });
    expect(await get(updater, 'dir/renamed')).toBeUndefined();
  });
});

describe('target names', () => {
  it.each([
    'a b%.txt',
    '100%25',
    'ünï/ко́д.txt',
    "it's (1)!*",
    '?x#y&z',
    '...',
    '.hidden/..file',
    'constructor',
    '__proto__',
    'toString',
    'a\\b',
    '10',
    'deep/'.repeat(40) + 'file',
    `${'x'.repeat(180)}.txt`,
  ])('%j is found and fetched', async (path) => {
    sim.addTarget(path, `content of ${path}`);
    sim.publish('targets');
    expect(await get(updater, path)).toBe(`content of ${path}`);
  });

  it.each(['../../secret', 'a/../../secret', './file'])(
    '%j does not climb out of the server’s targets',
    async (path) => {
      sim.addTarget(path, 'x');
      sim.publish('targets');
      await expect(get(updater, path)).rejects.toMatchObject({ code: 'invalid-name' });
    },
  );

  it.each(['constructor', '__proto__', 'hasOwnProperty', 'valueOf'])('%j is not there unless listed', async (path) => {
    expect(await updater.find(path)).toBeUndefined();
  });

  it('without consistent snapshots files have plain names', async () => {
    sim = new RepositorySimulator({ consistentSnapshot: false });
    sim.addTarget('dir/file', CONTENT);
    sim.publish('targets');
    updater = clientOf(sim);
    expect(await get(updater, 'dir/file')).toBe(CONTENT);
    expect(sim.requests).toEqual(['2.root.json', 'timestamp.json', 'snapshot.json', 'targets.json', 'dir/file']);
  });

  it('the hash prefix can be switched off', async () => {
    updater = clientOf(sim, { targetNaming: 'plain' });
    expect(await get(updater, 'dir/file')).toBe(CONTENT);
    expect(sim.requests.at(-1)).toBe('dir/file');
  });

  it('custom data arrives untouched', async () => {
    sim.targets.targets['dir/file']!.custom = { 'x-build': ['a', 1, null, { deep: true }] };
    sim.publish('targets');
    expect(JSON.parse(JSON.stringify((await target()).file.custom))).toEqual({
      'x-build': ['a', 1, null, { deep: true }],
    });
  });
});

describe('verifying a file at hand', () => {
  it('tells the genuine one from others', async () => {
    const path = join(directory, 'file');
    writeFileSync(path, CONTENT);
    await verifyFile(path, await target(), nodeCrypto);
    writeFileSync(path, 'the genuine c0ntent');
    await expect(verifyFile(path, await target(), nodeCrypto)).rejects.toMatchObject({ code: 'arbitrary-software' });
    writeFileSync(path, `${CONTENT} and more`);
    await expect(verifyFile(path, await target(), nodeCrypto)).rejects.toMatchObject({ code: 'arbitrary-software' });
    rmSync(path);
    await expect(verifyFile(path, await target(), nodeCrypto)).rejects.toMatchObject({ code: 'not-found' });
    expect(existsSync(path)).toBe(false);
  });
});
