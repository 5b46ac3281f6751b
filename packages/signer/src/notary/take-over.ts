import { CountersignError, instant, parseGun, type Instant } from '@countersign/client/tuf';
import type { Keks } from '../keks.js';
import type { KeyRow, KeyStore } from '../store.js';
import type { OnlineRole } from '../wire.js';
import type { NotaryDatabase, NotaryKeyRow } from './database.js';
import { openKey, type OpenedKey } from './open-key.js';
import { Passphrases } from './passphrases.js';
import { highestSigned } from './signed-versions.js';

/** How many keys became of what. */
export interface TakenOver {
  /** Keys that were not here before. */
  added: number;
  /** Of these, keys that never signed. */
  unused: number;
  /** Keys that were here, and have signed higher versions since. */
  raised: number;
  known: number;
  /** Keys of roles that are not signed here: nothing is wrong with them. */
  others: number;
  /** Keys that could not be taken over, and stored files that could not be verified. */
  faults: number;
}

export interface TakeOver {
  readonly keys: NotaryDatabase;
  readonly files: NotaryDatabase;
  readonly store: KeyStore;
  /** What keys are sealed with; undefined to only look. */
  readonly keks: Keks | undefined;
  /** Variables of the environment, as Notary's signer was given them. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly now: Instant;
  /** Told of everything that is left out, a line each. */
  readonly report: (line: string) => void;
}

/**
 * Takes the keys of a Notary signer over: each is opened, checked, sealed anew and kept with the highest version it has
 * signed, so that this signer goes on above it. Each key is one write: it may be ended at any moment and run again, beside
 * a running signer too. A key that is here already is never lowered.
 * @throws CountersignError `unavailable`, or the store's
 */
export async function takeOver(parts: TakeOver): Promise<TakenOver> {
  const tally: TakenOver = { added: 0, unused: 0, raised: 0, known: 0, others: 0, faults: 0 };
  const passphrases = new Passphrases(parts.environment);
  for await (const row of parts.keys.keys()) {
    if (row.role !== 'timestamp' && row.role !== 'snapshot') {
      tally.others += 1;
      parts.report(`left out: ${nameOf(row)}: a signer signs timestamps and snapshots`);
      continue;
    }
    const passphrase = passphrases.of(row);
    if (passphrase === undefined) continue;
    try {
      await takeKey(parts, tally, { row, role: row.role, passphrase });
    } catch (error) {
      if (!(error instanceof CountersignError) || !LEFT_OUT.has(error.code)) throw error;
      if (error.code === 'unsealed') passphrases.failed(row);
      else {
        tally.faults += 1;
        parts.report(`left out: ${nameOf(row)}: ${error.message}`);
      }
    }
  }
  for (const { keys, line } of passphrases.faults()) {
    tally.faults += keys;
    parts.report(line);
  }
  return tally;
}

/** What is wrong with one key; anything else is wrong with a database. */
const LEFT_OUT: ReadonlySet<string> = new Set(['unsealed', 'unsupported', 'wrong-key', 'malformed', 'invalid-name']);

interface Candidate {
  readonly row: NotaryKeyRow;
  readonly role: OnlineRole;
  readonly passphrase: string;
}

async function takeKey(parts: TakeOver, tally: TakenOver, { row, role, passphrase }: Candidate): Promise<void> {
  const gun = parseGun(row.gun);
  const opened = await openKey(row, passphrase);
  try {
    const owner = { gun, role, notaryId: row.keyId };
    const signed = await highestSigned(parts.files, owner, opened, ({ version, why }) => {
      tally.faults += 1;
      parts.report(`not verified: ${row.gun} ${role} ${version}: ${why}`);
    });
    // One that signed and has nothing to show for it must not count as unused: such keys may be deleted.
    const highest = Math.max(signed, row.wasUsed ? 1 : 0);
    const found = await parts.store.find(opened.id);
    if (found !== undefined && (found.row.gun !== gun || found.row.role !== role))
      throw new CountersignError('wrong-key', `this signer has it as the ${found.row.role} key of ${found.row.gun}`);
    if (found === undefined) {
      tally.added += 1;
      if (highest === 0) tally.unused += 1;
      await addKey(parts, { gun, role, createdAt: createdAt(row, parts.now) }, opened, highest);
    } else if (found.state.highest < highest) {
      tally.raised += 1;
      if (parts.keks !== undefined) await parts.store.raise(opened.id, highest);
    } else tally.known += 1;
  } finally {
    opened.pkcs8.fill(0);
  }
}

async function addKey(
  { store, keks }: TakeOver,
  owner: Pick<KeyRow, 'gun' | 'role' | 'createdAt'>,
  { id, algorithm, spki, pkcs8 }: OpenedKey,
  highest: number,
): Promise<void> {
  if (keks === undefined) return;
  const kek = keks.default;
  await store.addSigned({ ...owner, id, algorithm, spki, sealed: keks.seal(kek, pkcs8), kek }, highest);
}

/** MySQL's zero dates are no moment. */
function createdAt({ createdAt: date }: NotaryKeyRow, now: Instant): Instant {
  const moment = date?.getTime() ?? NaN;
  return Number.isNaN(moment) ? now : instant(moment);
}

function nameOf({ keyId, gun, role }: NotaryKeyRow): string {
  return `the ${JSON.stringify(role)} key ${keyId} of ${JSON.stringify(gun)}`;
}
