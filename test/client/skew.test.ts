import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fetch } from '@countersign/client';
import { CountersignError, type ErrorCode } from '@countersign/client/tuf';
import { clientOf, get, OpenCache } from '../simulator/client.js';
import { newKey } from '../simulator/keys.js';
import { METADATA, RepositorySimulator, TARGETS_URL } from '../simulator/repository.js';

const STATES = 6;
const NEWEST = STATES - 1;
const ROLES = ['root', 'timestamp', 'snapshot', 'targets', 'delegated'];

/** What a client may say of files of several states: named by version there are none of another state, but there are none yet. */
const SAID: readonly ErrorCode[] = ['rollback', 'mix-and-match', 'threshold', 'not-found', 'arbitrary-software'];

interface History {
  readonly sim: RepositorySimulator;
  /** By state: every file there is then, by URL. */
  readonly states: readonly ReadonlyMap<string, Uint8Array>[];
}

/** A repository in which everything changes each time, and the keys of root with every second one. */
function history(consistentSnapshot: boolean): History {
  const sim = new RepositorySimulator({ consistentSnapshot });
  sim.delegate('targets', 'delegated', { paths: ['d/*'] });
  const states = Array.from({ length: STATES }, (_, at) => {
    if (at % 2 === 1) {
      sim.setKeys('root', [newKey()]);
      sim.publishRoot();
    }
    sim.addTarget('d/file', `content ${at}`, 'delegated');
    sim.publish('delegated', 'targets');
    return new Map([
      ...[...sim.files].map(([name, file]) => [METADATA + name, file] as const),
      ...[...sim.targetFiles].map(([name, file]) => [TARGETS_URL + name, file] as const),
    ]);
  });
  return { sim, states };
}

/** A delivery network each of whose answers is as old as `next` says. */
function network({ states }: History, next: () => number): Fetch {
  return (url) => {
    const file = states[next()]!.get(url);
    const status = file === undefined ? 404 : 200;
    return Promise.resolve(new Response(file === undefined ? '' : new Uint8Array(file), { status }));
  };
}

const versionsIn = (cache: OpenCache): Promise<readonly number[]> =>
  Promise.all(ROLES.map(async (role) => (await cache.version(role)) ?? 0));

describe.each([true, false])(
  'files that are each as old as some cache has them, consistent snapshots: %s',
  (consistent) => {
    it('make one state or none, never an older one, and do no harm to the next update', async () => {
      const past = history(consistent);
      const outcomes = { accepted: 0, refused: 0 };
      const age = fc.nat(NEWEST);
      // Most caches agree, or hardly any update would come to an end.
      const ages = age.chain((most) =>
        fc.array(fc.oneof({ weight: 4, arbitrary: fc.constant(most) }, { weight: 1, arbitrary: age }), {
          minLength: 12,
          maxLength: 12,
        }),
      );
      await fc.assert(
        fc.asyncProperty(age, ages, async (held, drawn) => {
          const cache = new OpenCache();
          const updateBy = (next: () => number): Promise<string | undefined> =>
            get(clientOf(past.sim, { cache, fetch: network(past, next) }), 'd/file');
          expect(await updateBy(() => held)).toBe(`content ${held}`);
          const before = await versionsIn(cache);
          const asked = drawn.values();
          const found: unknown = await updateBy(() => asked.next().value ?? NEWEST).catch((error: unknown) => error);
          const after = await versionsIn(cache);
          after.forEach((version, at) => expect(version, ROLES[at]).toBeGreaterThanOrEqual(before[at]!));
          if (found instanceof CountersignError) {
            expect(SAID).toContain(found.code);
            outcomes.refused += 1;
          } else {
            expect(found).toBe(`content ${(await cache.version('delegated'))! - 1}`);
            outcomes.accepted += 1;
          }
          expect(await updateBy(() => NEWEST)).toBe(`content ${NEWEST}`);
        }),
        { numRuns: 150 },
      );
      expect(Math.min(outcomes.accepted, outcomes.refused), JSON.stringify(outcomes)).toBeGreaterThan(5);
    });
  },
);
