import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RootDoc, RoleKeys, TargetsDoc } from '../simulator/documents.js';
import { newKey, relabelled, type SimKey } from '../simulator/keys.js';
import { Publisher } from '../support/publisher.js';
import { describeAll, readAll } from '../support/readers.js';
import { World } from '../support/world.js';

/** One key of each kind both clients know, and the first again under another id. So few, so that steps meet the same ones. */
const first = newKey();
const KEYS: readonly SimKey[] = [first, relabelled(first), newKey('ecdsa'), newKey('rsa')];

const keys = fc.uniqueArray(fc.constantFrom(...KEYS), { minLength: 1, maxLength: 4, selector: ({ id }) => id });
const role = fc.record({ keys, threshold: fc.constantFrom(1, 1, 2, 2, 3) });
/** Who signs a role: everybody, those it had, those it is to have, or these. */
const signers = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('everybody', 'everybody', 'everybody', 'old', 'new') },
  { weight: 1, arbitrary: keys },
);
const step = fc.record({
  root: fc.option(role, { nil: undefined }),
  targets: fc.option(role, { nil: undefined, freq: 2 }),
  rootSigners: signers,
  // Undefined: targets are left as they are.
  targetsSigners: fc.option(signers, { nil: undefined, freq: 3 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Whether enough different keys of a role have signed. */
function satisfied(wanted: RoleKeys, signers: readonly SimKey[]): boolean {
  const ids = signers.map(({ id }) => id).filter((id) => wanted.keyids.includes(id));
  return new Set(ids.map((id) => (id === KEYS[1]?.id ? first.id : id))).size >= wanted.threshold;
}

/** A collection whose root and targets roles change, with a record of who has signed what is published. */
class Rotations {
  readonly publisher: Publisher;
  readonly #keys: readonly SimKey[];
  #signedTargets: readonly SimKey[];

  constructor(publisher: Publisher) {
    this.publisher = publisher;
    this.#signedTargets = publisher.signers.get('targets')!;
    this.#keys = [...KEYS, ...publisher.signers.get('root')!, ...this.#signedTargets];
  }

  /** Publishes a step; says whether it was taken, and whether by the specification it must be. */
  async take(step: Step): Promise<{ readonly status: number; readonly right: boolean }> {
    const { publisher } = this;
    const old = publisher.nextRoot().roles;
    const root = this.#root(step);
    const listedIn = (wanted: RoleKeys): SimKey[] => this.#keys.filter(({ id }) => wanted.keyids.includes(id));
    const chosen = (name: 'root' | 'targets', who: typeof step.rootSigners): readonly SimKey[] => {
      if (typeof who !== 'string') return who;
      return who === 'everybody' ? this.#keys : listedIn((who === 'old' ? old : root.roles)[name]!);
    };
    const rootSigners = chosen('root', step.rootSigners);
    const targetsSigners = step.targetsSigners && chosen('targets', step.targetsSigners);
    const docs: { root: RootDoc; targets?: TargetsDoc } = {
      root,
      ...(targetsSigners && { targets: publisher.next() }),
    };
    publisher.signers.set('root', [...rootSigners]).set('targets', [...(targetsSigners ?? [])]);
    const { status } = await publisher.post(publisher.signAll({ ...docs }));
    const signedTargets = targetsSigners ?? this.#signedTargets;
    const right =
      satisfied(old['root']!, rootSigners) &&
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
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 8 }), async (steps) => {
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
