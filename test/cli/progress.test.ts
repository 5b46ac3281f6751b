import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { World } from '../support/world.js';
import { Person } from './terminal.js';
import { Tty } from './tty.js';

const NAME = 'example.com/progress';
/** Bytes; enough for a bar, and for several chunks. */
const LONG = 3_000_000;
const CURSOR_HIDDEN = '\u001b[?25l';
const CURSOR_SHOWN = '\u001b[?25h';

let world: World;
let person: Person;

beforeAll(async () => {
  world = await World.start();
  person = await Person.arrive({ server: world.url });
  await person.ok('init', NAME);
  await person.ok('publish', NAME);
});
afterAll(async () => {
  await person.leave();
  await world.stop();
});

/** Stages a file of that many bytes, of new content at every call. */
async function stageFile(name: string, bytes: number): Promise<void> {
  await writeFile(person.path(name), randomBytes(bytes));
  await person.ok('add', NAME, person.path(name));
}

describe('a long transfer at a terminal', () => {
  it('shows how far an upload is, on standard error alone, and cleans up', async () => {
    await stageFile('up.bin', LONG);
    const tty = new Tty();
    const ran = await person.runWith({ tty }, 'publish', NAME);
    expect(ran.out).toMatch(/^Published 1 change in example\.com\/progress: .*\n$/u);
    expect(ran.err).toMatch(/Uploading \[#*\.*\] \d+% {2}\S+ \S+ of 3\.0 MB/u);
    expect(ran.err.lastIndexOf(CURSOR_SHOWN)).toBeGreaterThan(ran.err.lastIndexOf(CURSOR_HIDDEN));
  });

  it('shows how far a download is', async () => {
    await stageFile('down.bin', LONG);
    await person.ok('publish', NAME);
    const ran = await person.runWith({ tty: new Tty() }, 'get', NAME, 'down.bin', '-o', person.path('got'), '--json');
    expect(JSON.parse(ran.out)).toMatchObject([{ target: 'down.bin', length: LONG }]);
    expect(ran.err).toMatch(/Fetching \[#*\.*\] \d+% {2}\S+ \S+ of 3\.0 MB/u);
    expect(ran.err.lastIndexOf(CURSOR_SHOWN)).toBeGreaterThan(ran.err.lastIndexOf(CURSOR_HIDDEN));
  });
});

describe('no bar is shown', () => {
  it('without a terminal', async () => {
    await stageFile('quiet.bin', LONG);
    expect(await person.run('publish', NAME)).toMatchObject({ code: 0, err: '' });
    const got = await person.run('get', NAME, 'quiet.bin', '-o', person.path('quiet'));
    expect(got).toMatchObject({ code: 0, err: '' });
  });

  it('for what is over at once', async () => {
    await stageFile('short.bin', 1000);
    expect((await person.runWith({ tty: new Tty() }, 'publish', NAME)).err).toBe('');
  });
});

describe('Ctrl-C', () => {
  it('during an upload ends with 130, keeps what is staged, and leaves no lock', async () => {
    await stageFile('late.bin', LONG);
    const interrupt = new AbortController();
    const tty = new Tty();
    tty.stderr.onText('Uploading', () => interrupt.abort());
    const ran = await person.runWith({ tty, signal: interrupt.signal }, 'publish', NAME);
    expect(ran).toMatchObject({ code: 130, out: '' });
    expect(ran.err).toMatch(/countersign: interrupted\n$/u);
    expect(ran.err.lastIndexOf(CURSOR_SHOWN)).toBeGreaterThan(ran.err.lastIndexOf(CURSOR_HIDDEN));
    const { changes } = await person.json<{ changes: { target: string }[] }>('status', NAME);
    expect(changes.map(({ target }) => target)).toEqual(['late.bin']);
    expect(await person.ok('publish', NAME)).toContain('Published 1 change');
  });

  it('during a download ends with 130, and leaves nothing behind but what was there', async () => {
    await stageFile('broken.bin', LONG);
    await person.ok('publish', NAME);
    await writeFile(person.path('before'), 'before');
    const interrupt = new AbortController();
    const tty = new Tty();
    tty.stderr.onText('Fetching', () => interrupt.abort());
    const got = ['get', NAME, 'broken.bin', '-o', person.path('before'), '--force'];
    expect(await person.runWith({ tty, signal: interrupt.signal }, ...got)).toMatchObject({ code: 130, out: '' });
    expect(await readFile(person.path('before'), 'utf8')).toBe('before');
    expect((await readdir(person.directory)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });
});
