import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RootDoc, RoleKeys, TargetsDoc } from '../simulator/documents.js';
import { newKey, relabelled, type SimKey } from '../simulator/keys.js';
import { Publisher } from '../support/publisher.js';
import { describeAll, readAll } from '../support/readers.js';
import { World } from '../support/world.js';

/** Keys of every kind both clients know; the last is the first under another id. */
const first = newKey();
const KEYS: readonly SimKey[] = [first, newKey(), newKey('ecdsa'), newKey('ecdsa'), newKey('rsa'), relabelled(first)];

const keys = fc.uniqueArray(fc.constantFrom(...KEYS), { minLength: 1, maxLength: 4, selector: ({ id }) => id });
const role = fc.record({ keys, threshold: fc.integer({ min: 1, max: 3 }) });
// Mostly everybody signs: a step that too few sign is refused and teaches little.
const everybody = fc.constant(KEYS);
const step = fc.record({
  root: fc.option(role, { nil: undefined }),
  targets: fc.option(role, { nil: undefined }),
  rootSigners: fc.oneof({ weight: 3, arbitrary: everybody }, { weight: 2, arbitrary: keys }),
  targetsSigners: fc.oneof(
    { weight: 3, arbitrary: everybody },
    { weight: 2, arbitrary: keys },
    // Targets are left as they are.
    { weight: 1, arbitrary: fc.constant(undefined) },
  ),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Whether enough different keys of a role have signed. */
function satisfied(wanted: RoleKeys, signers: readonly SimKey[]): boolean {
  const ids = signers.map(({ id }) => id).filter((id) => wanted.keyids.includes(id));
  return new Set(ids.map((id) => (id === KEYS.at(-1)?.id ? first.id : id))).size >= wanted.threshold;
}

/** A publisher whose own first keys go on signing, whatever else a step says. */
class Rotations {
  readonly publisher: Publisher;
  readonly #own: Readonly<Record<'root' | 'targets', readonly SimKey[]>>;
  #signedTargets: readonly SimKey[];

  constructor(publisher: Publisher) {
    this.publisher = publisher;
    this.#own = { root: publisher.signers.get('root')!, targets: publisher.signers.get('targets')! };
    this.#signedTargets = this.#own.targets;
  }

  /** Publishes a step; says whether it was taken, and whether by the specification it must be. */
  async take(step: Step): Promise<{ readonly status: number; readonly right: boolean }> {
    const { publisher } = this;
    const old = publisher.nextRoot().roles['root']!;
    const root = this.#root(step);
    const rootSigners = [...step.rootSigners, ...this.#own.root];
    const targetsSigners = step.targetsSigners && [...step.targetsSigners, ...this.#own.targets];
    const docs: { root: RootDoc; targets?: TargetsDoc } = {
      root,
      ...(targetsSigners && { targets: publisher.next() }),
    };
    publisher.signers.set('root', rootSigners).set('targets', targetsSigners ?? []);
    const { status } = await publisher.post(publisher.signAll({ ...docs }));
    const signedTargets = targetsSigners ?? this.#signedTargets;
    const right =
      satisfied(old, rootSigners) &&
      satisfied(root.roles['root']!, rootSigners) &&
      satisfied(root.roles['targets']!, signedTargets);
    if (right) {
      publisher.adopt({ ...docs });
      this.#signedTargets = signedTargets;
    }
    return { status, right };
  }

  #root(step: Step): RootDoc {
    const root = this.publisher.nextRoot();
    for (const name of ['root', 'targets'] as const) {
      const next = step[name];
      if (next === undefined) continue;
      for (const key of next.keys) root.keys[key.id] = key.json;
      root.roles[name] = { keyids: next.keys.map(({ id }) => id), threshold: next.threshold };
    }
    return root;
  }
}

describe('root rotations', () => {
  let world: World;
  let made = 0;
  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(() => world.stop());

  it('are taken exactly when the old keys, the new ones and targets agree, and both clients follow', async () => {
    const outcomes = { taken: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 5 }), async (steps) => {
        const publisher = await Publisher.begin(world, `long/rotations/${(made += 1)}`, { 'first.txt': 'first' });
        const rotations = new Rotations(publisher);
        for (const one of steps) {
          const { status, right } = await rotations.take(one);
          expect(status === 200).toBe(right);
          expect(status).toBeLessThan(500);
          outcomes[right ? 'taken' : 'refused'] += 1;
        }
        expect((await readAll(publisher)).versions).toMatchObject({
          root: publisher.current.get('root')!.version,
          targets: publisher.current.get('targets')!.version,
        });
        const { ours, stock } = await describeAll(publisher, ['first.txt', 'second.txt']);
        expect(ours['first.txt']).toBeDefined();
        expect(ours).toEqual(stock);
      }),
      { numRuns: 50 },
    );
    expect(Math.min(outcomes.taken, outcomes.refused), JSON.stringify(outcomes)).toBeGreaterThan(20);
  });
});
