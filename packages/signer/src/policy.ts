import { CountersignError, formatInstant, SNAPSHOT, type ErrorDetail, type Instant } from '@countersign/client/tuf';
import { PUBLISHED, type Reading } from './reading.js';
import type { Floor } from './store.js';
import type { OnlineRole } from './wire.js';

/**
 * How far above everything it has signed a key may go in one step, and a snapshot above the floor in each version it lists.
 * An honest publish moves each by one. A thief of the server's credential moves each by a thousand with every signature: to
 * use up the numbers takes him 9·10¹² of them, one after the other and each in the audit log.
 */
export const MOST_AHEAD = 1000;

/**
 * How far the snapshot a timestamp names may be above the ones named before. Not a thousand: while timestamps fail and
 * snapshots do not, every attempt burns a snapshot version, and a bound that weeks of attempts could pass would then freeze
 * the collection. The numbers still last for 9·10⁹ signatures, each with a durable write before the next.
 */
export const MOST_SNAPSHOTS_AHEAD = 1_000_000;

/**
 * The highest first version of a fresh key, and the highest it may list or name while it has no floor. A collection at any
 * honest version goes on after a rotation; but one request must not be able to use up the numbers above it.
 */
export const HIGHEST_FIRST = 2 ** 48;

/** How long what is signed may last, in milliseconds from the moment of signing. */
export type Lifetimes = Readonly<Record<OnlineRole, number>>;

/** What a key has signed, as far as this process knows: exactly, while it is the one that signed last. */
export interface Signed {
  /** 0 for a key that never signed. */
  readonly version: number;
  /** Hex SHA-256 of the payload signed at `version`, where that is known. */
  readonly payload: string | undefined;
  /** As in the store's `SignedState`. */
  readonly floor: Floor | undefined;
}

/** A published file whose signature by the very key was verified. */
export interface Published {
  readonly version: number;
  readonly floor: Floor;
}

export interface Request {
  readonly reading: Reading;
  /** Hex SHA-256 of the payload. */
  readonly payload: string;
  /** The file it follows; undefined too where another key signed that one: then it is no floor. */
  readonly published: Published | undefined;
}

/**
 * Decides whether a key that has signed `signed` may sign `request`, and answers what it will then have signed. The same
 * bytes at the same version are signed again: then the answer is `signed` itself.
 * @throws CountersignError `policy`, or `stale-version` with `detail.current` = the highest version signed
 */
export function decide(signed: Signed, request: Request, lifetimes: Lifetimes, now: Instant): Signed {
  const { reading, published, payload } = request;
  checkLifetime(reading, lifetimes[reading.role], now);
  if (reading.version === signed.version && payload === signed.payload) return signed;
  checkVersion(reading, Math.max(signed.version, published?.version ?? 0));
  const floor = raised(signed.floor, published);
  if (reading.role === 'timestamp') return { version: reading.version, payload, floor: named(reading, floor) };
  if (reading.listed === undefined) return { version: reading.version, payload, floor };
  checkContinuity(reading, reading.listed, floor);
  checkReach(reading, reading.listed, floor);
  return { version: reading.version, payload, floor };
}

function checkLifetime(reading: Reading, longest: number, now: Instant): void {
  if (reading.expires - now <= longest) return;
  const { role, version } = reading;
  const expires = formatInstant(reading.expires);
  throw new CountersignError(
    'policy',
    `${role} ${version} would last until ${expires}, longer than this signer allows (${longest / 86_400_000} days)`,
    { detail: { role, version, expires }, next: 'Ask for a shorter lifetime, or raise "lifetimes" in the signer.' },
  );
}

function checkVersion({ role, version }: Reading, highest: number): void {
  if (version <= highest) {
    throw new CountersignError('stale-version', `${role} ${version} is not above ${highest}, the highest signed`, {
      detail: { role, version, current: highest },
      next: `Sign version ${highest + 1} or higher.`,
    });
  }
  const most = highest === 0 ? HIGHEST_FIRST : highest + MOST_AHEAD;
  if (version > most) {
    throw new CountersignError('policy', `${role} ${version} is too far ahead; the highest allowed now is ${most}`, {
      detail: { role, version, current: highest, limit: most },
    });
  }
}

/**
 * The snapshot a timestamp names is at least the one that the timestamp it follows names, which was published. The highest
 * version named bounds the next from above only: a snapshot that was named and lost the race to be published is followed by
 * lower ones.
 */
function named(reading: Reading, floor: Floor | undefined): Floor | undefined {
  const { named: version } = reading;
  if (version === undefined) return floor;
  const least = floor?.get(PUBLISHED);
  if (least !== undefined) {
    if (reading.follows === undefined) refuse(reading, 'names no timestamp it follows, though one was published', {});
    if (version < least)
      refuse(reading, `names snapshot ${version}, below ${least}, which was published`, { current: least });
  }
  const highest = floor?.get(SNAPSHOT);
  if (highest !== undefined && version <= highest) return floor;
  const limit = highest === undefined ? HIGHEST_FIRST : highest + MOST_SNAPSHOTS_AHEAD;
  if (version <= limit) return new Map([...(floor ?? []), [SNAPSHOT, version]]);
  return refuse(reading, `names snapshot ${version}, which is too far ahead; the highest allowed now is ${limit}`, {
    current: highest ?? 0,
    limit,
  });
}

/** The highest version of each role over the floor so far and a published file; `floor` itself where nothing is higher. */
export function raised(floor: Floor | undefined, published: Published | undefined): Floor | undefined {
  if (published === undefined) return floor;
  const higher = [...published.floor].filter(([role, version]) => version > (floor?.get(role) ?? 0));
  return floor !== undefined && higher.length === 0 ? floor : new Map([...(floor ?? []), ...higher]);
}

function checkContinuity(reading: Reading, listed: Floor, floor: Floor | undefined): void {
  if (floor === undefined) return;
  if (reading.follows === undefined) {
    refuse(reading, 'names no snapshot it follows, though one was published', {});
  }
  for (const [role, least] of floor) {
    const version = listed.get(role);
    if (version === undefined)
      refuse(reading, `does not list ${JSON.stringify(role)}`, { listed: role, current: least });
    if (version < least) {
      refuse(reading, `lists ${JSON.stringify(role)} at ${version}, below ${least}`, { listed: role, current: least });
    }
  }
}

/** What is signed becomes the floor once it is followed: no version may run away with it. */
function checkReach(reading: Reading, listed: Floor, floor: Floor | undefined): void {
  for (const [role, version] of listed) {
    const least = floor?.get(role) ?? 0;
    const limit = floor === undefined ? HIGHEST_FIRST : least + MOST_AHEAD;
    if (version <= limit) continue;
    refuse(reading, `lists ${JSON.stringify(role)} at ${version}, too far ahead; the highest allowed now is ${limit}`, {
      listed: role,
      current: least,
      limit,
    });
  }
}

function refuse(reading: Reading, why: string, detail: ErrorDetail): never {
  const { role, version } = reading;
  throw new CountersignError('policy', `${role} ${version} ${why}`, { detail: { role, version, ...detail } });
}
