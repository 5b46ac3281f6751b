import { expect, it } from 'vitest';
import { CountersignError } from '@countersign/client/tuf';
import { OpenCache } from '../simulator/client.js';
import { notaryWorld, tufWorld, type FieldWorld, type ServedFile } from '../simulator/field-worlds.js';
import { changes, described, written, type Change, type Json } from '../simulator/mutations.js';
import notaryFree from '../vectors/notary-1/free-fields.json' with { type: 'json' };
import tufFree from '../vectors/tuf-1/free-fields.json' with { type: 'json' };

/**
 * What an owner's keys may say and the client goes on with, by role and place: another date, more or less of what is listed,
 * members nobody knows, spellings that the format's clients do not look at. Nothing else.
 */
type Free = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

interface Outcome {
  /** Whether the changed file has become a trusted one. */
  readonly taken: boolean;
  readonly error: unknown;
}

async function updated(world: FieldWorld, file: ServedFile, text: string): Promise<Outcome> {
  file.serve(text);
  const cache = new OpenCache();
  for (const { role } of world.files) await cache.put(role, (await world.held.text(role))!);
  const error: unknown = await world.update(cache).catch((thrown: unknown) => thrown);
  return { taken: (await cache.text(file.role)) === text, error };
}

function resigned(file: ServedFile, { value, twice }: Change): string {
  const { signed } = value as { signed?: Json };
  if (signed === undefined) return written(value, twice);
  return written({ ...(value as object), signed, signatures: file.sign(signed) }, twice);
}

it.each<[string, () => Promise<FieldWorld>, Free]>([
  ['tuf-1', tufWorld, tufFree],
  ['notary-1', notaryWorld, notaryFree],
])(
  '%s: no field changes unsigned, none makes the client break, and only what is free changes signed',
  async (_format, make, free) => {
    const world = await make();
    const found: Record<string, Record<string, string[]>> = {};
    for (const file of world.files) {
      const { role, honest } = file;
      expect(await updated(world, file, written(honest)), role).toEqual({ taken: true, error: undefined });
      for (const change of changes(honest)) {
        const what = `${role}: ${described(change.path)}, ${change.how}`;
        const isSigned = change.path[0] === 'signed';
        const left = await updated(world, file, written(change.value, change.twice));
        const signed = isSigned ? await updated(world, file, resigned(file, change)) : left;
        for (const { error } of [left, signed])
          if (error !== undefined && !(error instanceof CountersignError)) throw new Error(what, { cause: error });
        if (isSigned) {
          expect(left.taken, what).toBe(false);
          if (!world.dispensable.includes(role)) expect(left.error, what).toBeInstanceOf(CountersignError);
        }
        if (!signed.taken || signed.error !== undefined) continue;
        const ways = ((found[role] ??= {})[described(change.path)] ??= []);
        if (!ways.includes(change.how)) ways.push(change.how);
      }
    }
    expect(found).toEqual(free);
  },
);
