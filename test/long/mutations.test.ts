import fc from 'fast-check';
import { describe, expect, it, afterAll, beforeAll } from 'vitest';
import { CountersignError, type ErrorCode } from '@countersign/client/tuf';
import { clientOf, get, OpenCache } from '../simulator/client.js';
import { RepositorySimulator } from '../simulator/repository.js';
import { Publisher } from '../support/publisher.js';
import { World } from '../support/world.js';

/** Where the signed part of a file lies that ends with it: `{"signatures":…,"signed":…}`. */
function signedPart(file: Uint8Array): { readonly min: number; readonly max: number } {
  return { min: Buffer.from(file).indexOf('"signed":') + '"signed":'.length, max: file.length - 2 };
}

function flipped(file: Uint8Array, at: number, flip: number): Uint8Array {
  const changed = Uint8Array.from(file);
  changed[at] = file[at]! ^ flip;
  return changed;
}

const flip = fc.integer({ min: 1, max: 255 });

/** What a client may say to bytes that are not the signed ones. */
const SAID: readonly ErrorCode[] = ['threshold', 'malformed', 'too-many', 'invalid-name', 'mix-and-match'];

describe('any mutation of signed bytes is refused by the client', () => {
  const sim = new RepositorySimulator();
  sim.delegate('targets', 'delegated', { paths: ['d/*'] });
  sim.addTarget('d/file', 'delegated content', 'delegated');
  sim.publish('delegated', 'targets');
  const before = new OpenCache();

  /** The next state, in files without white space: every byte of them means something. */
  function nextState(): void {
    sim.publishRoot();
    sim.publish('delegated', 'targets');
    for (const [name, file] of sim.files) {
      const { signed, signatures } = JSON.parse(Buffer.from(file).toString()) as Record<string, unknown>;
      sim.files.set(name, Buffer.from(JSON.stringify({ signatures, signed })));
    }
  }

  async function update(cache: OpenCache): Promise<string | undefined> {
    return get(clientOf(sim, { cache }), 'd/file');
  }

  beforeAll(async () => {
    await update(before);
    nextState();
  });

  async function copyOf(cache: OpenCache): Promise<OpenCache> {
    const copy = new OpenCache();
    for (const role of ['root', 'timestamp', 'snapshot', 'targets', 'delegated'])
      await copy.put(role, (await cache.text(role))!);
    return copy;
  }

  it.each(['root', 'timestamp', 'snapshot', 'targets', 'delegated'])('%s', async (role) => {
    const name = sim.nameOf(role);
    const honest = sim.file(name);
    await fc.assert(
      fc.asyncProperty(fc.integer(signedPart(honest)), flip, async (at, by) => {
        const cache = await copyOf(before);
        sim.files.set(name, flipped(honest, at, by));
        const error: unknown = await update(cache).catch((thrown: unknown) => thrown);
        if (!(error instanceof CountersignError)) throw new Error(`accepted, or broke: ${String(error)}`);
        expect(SAID).toContain(error.code);
        expect(await cache.text(role)).toBe(await before.text(role));
      }),
      { numRuns: 400 },
    );
    sim.files.set(name, honest);
    expect(await update(await copyOf(before))).toBe('delegated content');
  });

  it('a target file', async () => {
    const content = Buffer.from('delegated content');
    const name = [...sim.targetFiles.keys()].find((path) => path.startsWith('d/') && path !== 'd/file')!;
    const mutation = fc.oneof(
      fc.tuple(fc.nat(content.length - 1), flip).map(([at, by]) => flipped(content, at, by)),
      fc.nat(content.length - 1).map((length) => content.subarray(0, length)),
      fc.uint8Array({ minLength: 1 }).map((more) => Buffer.concat([content, more])),
      fc.uint8Array({ minLength: content.length, maxLength: content.length }),
    );
    await fc.assert(
      fc.asyncProperty(mutation, async (changed) => {
        sim.targetFiles.set(name, changed);
        await expect(update(await copyOf(before))).rejects.toMatchObject({
          code: changed.length > content.length ? 'endless-data' : 'arbitrary-software',
        });
      }),
      { numRuns: 400 },
    );
    sim.targetFiles.set(name, content);
    expect(await update(await copyOf(before))).toBe('delegated content');
  });
});

describe('any mutation of signed bytes is refused by the server', () => {
  let world: World;
  let publisher: Publisher;
  beforeAll(async () => {
    world = await World.start();
    publisher = await Publisher.begin(world, 'long/mutations', { 'first.txt': 'first' });
    const targets = publisher.next();
    await publisher.publish({ targets, team: publisher.delegate(targets, 'team') });
  });
  afterAll(() => world.stop());

  it.each(['root', 'targets', 'team'])('%s', async (role) => {
    const next = role === 'root' ? publisher.nextRoot() : publisher.next(role);
    if ('targets' in next) publisher.list(next, 'second.txt', 'second');
    const before = await publisher.read('timestamp.json');
    const honest = publisher.sign(role, next);
    await fc.assert(
      fc.asyncProperty(fc.integer(signedPart(honest)), flip, async (at, by) => {
        const answer = await publisher.post({ [role]: flipped(honest, at, by) });
        expect(answer.status).toBeGreaterThanOrEqual(400);
        expect(answer.status).toBeLessThan(500);
        expect(await publisher.read('timestamp.json')).toBe(before);
      }),
      { numRuns: 500 },
    );
    expect((await publisher.post({ [role]: honest })).status).toBe(200);
  });
});
