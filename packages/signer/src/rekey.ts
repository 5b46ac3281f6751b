import type { Keks } from './keks.js';
import type { KeyStore } from './store.js';

/** How many ids are read at a time. */
const BATCH = 500;

/** How far a `rekey` has come, in rows of its current pass. */
export interface RekeyProgress {
  readonly done: number;
  readonly total: number;
}

/**
 * Re-seals every key with `alias`, row by row, each one a compare-and-swap of its own: it may be killed at any moment and
 * run again, and signers go on meanwhile. Passes are repeated until one finds nothing, for the keys that signers made
 * during it. Answers how many rows it re-sealed.
 * @throws CountersignError `unsealed` at a row that cannot be opened; every row before it is done
 */
export async function rekey(
  store: KeyStore,
  keks: Keks,
  alias: string,
  report: (progress: RekeyProgress) => void,
): Promise<number> {
  let resealed = 0;
  for (;;) {
    const changed = await onePass(store, keks, alias, report);
    if (changed === 0) return resealed;
    resealed += changed;
  }
}

async function onePass(
  store: KeyStore,
  keks: Keks,
  alias: string,
  report: (progress: RekeyProgress) => void,
): Promise<number> {
  const total = await remaining(store, alias);
  let done = 0;
  let after = '';
  for (;;) {
    const ids = await store.notSealedWith(alias, after, BATCH);
    for (const id of ids) {
      if (!(await reseal(store, keks, alias, id))) continue;
      done += 1;
      report({ done, total: Math.max(done, total) });
    }
    const last = ids.at(-1);
    if (last === undefined) return done;
    after = last;
  }
}

async function remaining(store: KeyStore, alias: string): Promise<number> {
  const others = (await store.sealedWith()).filter((each) => each.alias !== alias);
  return others.reduce((sum, { keys }) => sum + keys, 0);
}

/** False if the key is gone, or somebody else was faster. */
async function reseal(store: KeyStore, keks: Keks, alias: string, id: string): Promise<boolean> {
  const found = await store.find(id);
  if (found === undefined || found.row.kek === alias) return false;
  const secret = keks.open(found.row.kek, found.row.sealed);
  try {
    return await store.reseal(found.row, keks.seal(alias, secret), alias);
  } finally {
    secret.fill(0);
  }
}
