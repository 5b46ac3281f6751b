import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outcome } from '../support/notary-publisher.js';
import { NO_JOBS } from '../support/by-hand.js';
import { World } from '../support/world.js';
import { DELEGATIONS, ROOT_AND_TARGETS, SNAPSHOTS, WRITING, type Case } from './support/notary-cases.js';
import { DIFFERENCES } from './support/notary-differences.js';

/*
 * Every upload that was tried on the Go server, and what it answered there. Where this server answers otherwise,
 * `support/notary-differences.ts` says what and why; nothing else may differ.
 */

let world: World;
beforeAll(async () => {
  world = await World.start({ server: NO_JOBS });
});
afterAll(() => world.stop());

const SETS: Readonly<Record<string, readonly Case[]>> = {
  'roots and targets': ROOT_AND_TARGETS,
  'client-signed snapshots': SNAPSHOTS,
  delegations: DELEGATIONS,
  'ways of writing, and certificates': WRITING,
};

for (const [set, cases] of Object.entries(SETS)) {
  describe(`an upload about ${set}`, () => {
    it.each(cases)('$name', async ({ name, go, send }) => {
      const gun = `probe/${name.toLowerCase().replaceAll(/[^a-z0-9]+/gu, '-')}`;
      const answer = await send({ where: world, gun });
      expect(`${outcome(answer)} ${answer.message}`.trim()).toMatch(
        new RegExp(`^${DIFFERENCES[name]?.ours ?? go}(?: |$)`, 'u'),
      );
    });
  });
}

it('every difference that is explained is there, and none is explained that is not', () => {
  const cases = new Map(Object.values(SETS).flatMap((set) => set.map(({ name, go }) => [name, go] as const)));
  for (const [name, { ours }] of Object.entries(DIFFERENCES)) {
    expect(cases.has(name)).toBe(true);
    expect(ours).not.toBe(cases.get(name));
  }
});

it('the page of the format names every difference', async () => {
  const page = await readFile(new URL('../../docs/formats/notary-1.md', import.meta.url), 'utf8');
  expect(Object.keys(DIFFERENCES).filter((name) => !page.includes(`*${name}*`))).toEqual([]);
});
