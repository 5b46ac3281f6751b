import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '@countersign/client/node';
import { covers, type PathSet, type TargetPath } from '@countersign/client/tuf';
import { Covering } from '../../packages/server/src/collection/covering.js';
import { Work } from '../../packages/server/src/collection/work.js';
import { newKey } from '../simulator/keys.js';
import { Publisher } from '../support/publisher.js';
import { expectRefused } from '../support/refused.js';
import { World } from '../support/world.js';

describe('work', () => {
  it('is refused beyond its limit, before it is done', () => {
    const work = new Work(10);
    work.spend(10);
    expect(() => work.spend(0.1)).toThrow(expect.objectContaining({ code: 'too-many' }) as Error);
  });

  it('gives others a turn: timers and sockets are served between two pieces', async () => {
    const work = new Work(1e9);
    let turns = 0;
    let done = false;
    const others = (): void => {
      turns += 1;
      if (!done) setImmediate(others);
    };
    setImmediate(others);
    for (let piece = 0; piece < 100; piece += 1) if (work.spend(1_000)) await work.pause();
    done = true;
    expect(turns).toBeGreaterThanOrEqual(9);
  });
});

describe('the paths of a role', () => {
  const part = fc.stringMatching(/^[ab*?.é😀]{0,4}$/u);
  const name = fc.stringMatching(/^[ab.é😀]{1,4}$/u);
  const joined = (one: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc.array(one, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
  const globs = fc.array(joined(part), { minLength: 1, maxLength: 4 });
  const prefixes = fc.array(fc.stringMatching(/^[0-9a-f]{0,2}$/u), { minLength: 1, maxLength: 40 });
  const sets = fc.array(
    fc.oneof(
      globs.map((patterns): PathSet => ({ kind: 'globs', patterns })),
      prefixes.map((some): PathSet => ({ kind: 'hash-prefixes', prefixes: some })),
      fc.nat(3).map((index): PathSet => ({ kind: 'bins', bitLength: 2, index })),
    ),
    { maxLength: 3 },
  );

  it('cover what the core says they cover, but for what some clients read differently', async () => {
    await fc.assert(
      fc.asyncProperty(sets, joined(name), async (all, text) => {
        const target = text as TargetPath;
        const covering = new Covering();
        for (const paths of all) covering.add(paths);
        const found = await covering.covers(target, nodeCrypto, new Work(1e9));
        const expected = all.some((paths) => covers(paths, target, nodeCrypto));
        const different = /(?:^|\/)\.|[\u{10000}-\u{10ffff}]/u.test(text);
        if (different ? found : true) expect(found).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });
});

describe('an upload within every size limit', () => {
  let world: World;
  let names = 0;
  const begin = (): Promise<Publisher> => Publisher.begin(world, `work/${++names}`);

  beforeAll(async () => {
    world = await World.start({ server: { policy: { maxPublishWork: 30_000, maxDelegations: 20, maxPatterns: 300 } } });
  });
  afterAll(async () => {
    await world.stop();
  });

  it('with many targets against many patterns is too much work, and changes nothing', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const paths = Array.from({ length: 299 }, (_, index) => `*a*a*a*a*a*z${index}`);
    const role = publisher.delegate(targets, 'role', { paths: [...paths, '*'] });
    for (let index = 0; index < 100; index += 1) publisher.list(role, `${'a'.repeat(100)}-${index}`, 'x');
    await expectRefused(publisher, publisher.signAll({ targets, role }), 'too-many', { limit: 30_000 });
  });

  it('with a delegation of more patterns than are taken', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const paths = Array.from({ length: 301 }, (_, index) => `${index}/*`);
    const role = publisher.delegate(targets, 'role', { paths });
    await expectRefused(publisher, publisher.signAll({ targets, role }), 'too-many', { role: 'role', limit: 300 });
  });

  it('with roles that all name each other', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const docs = { a: publisher.empty(), b: publisher.empty(), c: publisher.empty(), d: publisher.empty() };
    for (const name of Object.keys(docs)) publisher.delegate(targets, name);
    for (const doc of Object.values(docs)) doc.delegations = structuredClone(targets.delegations)!;
    await publisher.publish({ targets, ...docs });
    const more = Object.fromEntries(Object.keys(docs).map((name) => [name, publisher.next(name)]));
    const e = publisher.next();
    const added = publisher.delegate(e, 'e');
    added.delegations = structuredClone(targets.delegations)!;
    await expectRefused(publisher, publisher.signAll({ targets: e, ...more, e: added }), 'too-many', { limit: 20 });
  });

  it('with a role of many keys and many signatures under many delegators', async () => {
    const publisher = await begin();
    const targets = publisher.next();
    const keys = Array.from({ length: 40 }, newKey);
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const docs = Object.fromEntries(names.map((name) => [name, publisher.delegate(targets, name)]));
    for (const doc of Object.values(docs)) {
      publisher.delegate(doc, 'shared', { keyids: keys.map(({ id }) => id), threshold: 40 });
      doc.delegations!.keys = Object.fromEntries(keys.map((key) => [key.id, key.json]));
    }
    publisher.signers.set('shared', keys);
    await expectRefused(publisher, publisher.signAll({ targets, ...docs, shared: publisher.empty() }), 'too-many', {
      limit: 30_000,
    });
  });
});
