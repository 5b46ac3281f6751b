import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../simulator/keys.js';
import { RepositorySimulator } from '../simulator/repository.js';
import { TwoReaders, type Verdict } from '../support/two-readers.js';
import { DISAGREEMENTS } from './support/disagreements.js';
import { first, goOn, scenario } from './support/hostile-states.js';
import { isReadAlike } from './support/tree.js';

function saying(said: Verdict[string], contents: readonly string[]): string {
  if (typeof said === 'string') return said;
  // For `constructor`, tuf-js finds a function, which has no hashes.
  const { hashes } = said as { hashes?: Record<string, string> };
  return contents.find((content) => sha256(content) === hashes?.['sha256']) ?? 'something that is no target';
}

describe('what tuf-js and this client do not read alike', () => {
  it.each(Object.entries(DISAGREEMENTS))('%s', async (_name, { show, then, ours, stock }) => {
    const sim = new RepositorySimulator();
    sim.addTarget('file', 'top');
    sim.publish('targets');
    const shown = show(sim);
    const paths = (typeof shown === 'string' ? shown : 'file').split(' ');
    const readers = await TwoReaders.of(sim);
    try {
      let said = await readers.read(paths);
      if (then !== undefined) {
        then(sim);
        said = await readers.read(paths);
      }
      const path = paths.at(-1)!;
      const contents = [ours, stock];
      expect([saying(said.ours[path]!, contents), saying(said.stock[path]!, contents)]).toEqual([ours, stock]);
    } finally {
      await readers.close();
    }
  });
});

/** The names of what explains that the two do not agree over what was done. */
function explanations(done: string): readonly string[] {
  return Object.entries(DISAGREEMENTS).flatMap(([name, { like }]) => (like?.test(done) === true ? [name] : []));
}

it('in front of any repository, honest or not, both refuse or both find the same, but for what is listed', async () => {
  const seen: Record<string, number> = { accepted: 0, refused: 0, found: 0 };
  await fc.assert(
    fc.asyncProperty(scenario, async (wanted) => {
      const { sim, paths } = first(wanted);
      const asked = paths.filter((path) => isReadAlike(wanted.tree, path));
      fc.pre(asked.length > 0);
      const readers = await TwoReaders.of(sim);
      try {
        const honest = await readers.read(asked);
        expect(honest.ours).toEqual(honest.stock);
        const done = goOn(sim, wanted);
        const said = await readers.read(asked);
        const outcome = Object.values(said.ours).every((each) => each === 'refused') ? 'refused' : 'accepted';
        seen[outcome]! += 1;
        if (Object.values(said.ours).some((each) => typeof each !== 'string')) seen['found']! += 1;
        if (JSON.stringify(said.ours) === JSON.stringify(said.stock)) return;
        expect(explanations(done), `${done}: ${JSON.stringify(said)}`).not.toEqual([]);
      } finally {
        await readers.close();
      }
    }),
    { numRuns: 200, seed: 20_261_125 },
  );
  expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(20);
});
