import {
  CountersignError,
  type Envelope,
  type Format,
  type FormatName,
  type Instant,
  type ParseLimits,
  type Snapshot,
  type Timestamp,
} from '@countersign/client/tuf';
import type { Floor } from './store.js';
import type { OnlineRole } from './wire.js';

/** A payload to be signed, and the published file it follows. */
export interface Proposal {
  readonly role: OnlineRole;
  readonly format: Format;
  /** The canonical `signed` bytes. */
  readonly payload: Uint8Array;
  readonly follows: Uint8Array | undefined;
}

/** What the signer understood of a proposal. */
export interface Reading {
  readonly format: FormatName;
  readonly role: OnlineRole;
  readonly version: number;
  readonly expires: Instant;
  /** The roles a snapshot lists by version; undefined where the format's entries carry no continuity. */
  readonly listed: Floor | undefined;
  /** The snapshot version a timestamp names; undefined where it names one by hash, or for a snapshot. */
  readonly named: number | undefined;
  readonly follows: Followed | undefined;
}

/** The published file a payload follows. */
export type Followed = Envelope<Snapshot> | Envelope<Timestamp>;

/** The name under which the floor of a timestamp key keeps the snapshot that the published timestamp names; no role's. */
export const PUBLISHED = '';

/** A role is signed by one online key or few; more are somebody wasting our time. */
const FOLLOWS_SIGNATURES = 16;

/**
 * Reads a payload as the format's clients would, and makes sure that what was read is what will be signed: the parser's
 * canonical bytes must be the payload, byte for byte.
 * @throws CountersignError `malformed`, `too-many`, `endless-data` or `invalid-name`
 */
export function readProposal({ role, format, payload, follows }: Proposal): Reading {
  const { signed, signedBytes } = parse(role, format, format.assemble(payload, []));
  if (Buffer.compare(signedBytes, payload) !== 0) {
    throw new CountersignError('malformed', `the ${role} payload is not in canonical form`, { detail: { role } });
  }
  const read = { format: format.name, role, version: signed.version, expires: signed.expires };
  const named = namedBy(signed);
  if (format.rules.rolesMayLeaveSnapshot) {
    if (follows !== undefined) throw new CountersignError('malformed', `a ${format.name} ${role} follows nothing`);
    return { ...read, listed: undefined, named, follows: undefined };
  }
  const listed = signed.type === 'snapshot' ? listedBy(signed) : undefined;
  return { ...read, listed, named, follows: follows && readFollowed(role, format, follows) };
}

/** @throws CountersignError as `readProposal` */
export function readFollowed(role: OnlineRole, format: Format, raw: Uint8Array): Followed {
  return parse(role, format, raw, { signatures: FOLLOWS_SIGNATURES });
}

function parse(role: OnlineRole, format: Format, raw: Uint8Array, limits?: Partial<ParseLimits>): Followed {
  return role === 'timestamp' ? format.parseTimestamp(raw, limits) : format.parseSnapshot(raw, limits);
}

/** What follows a published file may not go below. */
export function floorOf({ signed }: Followed): Floor {
  if (signed.type === 'snapshot') return listedBy(signed);
  const named = namedBy(signed);
  return new Map(named === undefined ? [] : [[PUBLISHED, named]]);
}

function namedBy(signed: Timestamp | Snapshot): number | undefined {
  return signed.type === 'timestamp' && signed.snapshot.by === 'version' ? signed.snapshot.version : undefined;
}

/** The roles a snapshot lists, with the version it promises of each. */
function listedBy(snapshot: Snapshot): Floor {
  const listed = new Map<string, number>();
  for (const [name, entry] of snapshot.meta) if (entry.by === 'version') listed.set(name, entry.version);
  return listed;
}
