import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TargetsDoc } from '../simulator/documents.js';
import { Publisher } from '../support/publisher.js';
import { readAll, StockClient } from '../support/readers.js';
import { World } from '../support/world.js';

let world: World;
let made = 0;

beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.stop());

const begin = (contents: Readonly<Record<string, string>>): Promise<Publisher> =>
  Publisher.begin(world, `example.com/long/${(made += 1)}`, contents);

const segment = fc.stringMatching(/^[a-zA-Z0-9äλ ._+@-]{1,12}$/u);
const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const change = fc.record({
  path,
  content: fc.string({ maxLength: 40 }),
  expiresInDays: fc.constantFrom(-1, 0.001, 30, 365, 100_000),
  threshold: fc.constantFrom(0, 1, 2),
  pattern: fc.constantFrom('*', 'a/*', '**', '[ab]*', '?', '\\*', '/x', ''),
  specVersion: fc.constantFrom('1.0.0', '1.0.34', '1.9.9', '2.0.0', 'one'),
  versionStep: fc.constantFrom(-1, 0, 1, 2),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

/** A second upload that may or may not be right, in every way `wanted` says. */
async function propose(publisher: Publisher, wanted: Change): Promise<Record<string, TargetsDoc>> {
  const targets = publisher.next();
  targets.version += wanted.versionStep - 1;
  targets.spec_version = wanted.specVersion;
  targets.expires = publisher.days(wanted.expiresInDays);
  publisher.list(targets, wanted.path, wanted.content);
  await publisher.upload(wanted.path, wanted.content);
  const role = publisher.delegate(targets, 'helper', { paths: [wanted.pattern], threshold: wanted.threshold });
  return { targets, helper: role };
}

describe('what the server accepts', () => {
  it('our client and stock tuf-js accept too, and what it refuses changes nothing', async () => {
    const outcomes = { accepted: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(change, async (wanted) => {
        const publisher = await begin({ 'first.txt': 'first' });
        const before = await readAll(publisher);
        const docs = await propose(publisher, wanted);
        const answer = await publisher.post(publisher.signAll(docs), { targets: 'hosted' });
        const after = await readAll(publisher);
        if (answer.status === 200) {
          outcomes.accepted += 1;
          expect(after.versions).toMatchObject({ targets: 2, helper: 1 });
          expect(after.contents[wanted.path]).toBe(wanted.content);
        } else {
          outcomes.refused += 1;
          expect(answer.status).toBeLessThan(500);
          expect(after).toEqual(before);
        }
        const stock = await StockClient.refreshed(publisher);
        try {
          expect(await stock.find('first.txt')).toBeDefined();
          if (answer.status === 200) expect(await stock.find(wanted.path)).toBeDefined();
        } finally {
          await stock.close();
        }
      }),
      { numRuns: 300, examples: [[{ ...right, path: 'a b/ä.txt' }]] },
    );
    expect(outcomes.accepted).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(0);
  });
});

const right: Change = {
  path: 'second.txt',
  content: 'second',
  expiresInDays: 30,
  threshold: 1,
  pattern: '*',
  specVersion: '1.0.34',
  versionStep: 1,
};
