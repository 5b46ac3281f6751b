import type { HeldVersions } from '../cache/cache.js';
import { utf8Decode } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import type { RefreshLimits } from '../tuf/refresh.js';
import { parseRoleName, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, type RoleName } from '../tuf/names.js';

/*
 * All that a client lacks of a collection's top-level metadata, in one answer. It is a shorter way to the same bytes and
 * nothing else: every file is verified as if it had come alone, and what is missing is asked for as the specification says.
 *
 * The body is a sequence of files, each after a line `<role> <version> <bytes>`; then the line `end`, or `more` where the
 * root chain is longer than one answer takes.
 */

/** One file of an answer. */
export interface UpdateFile {
  readonly role: RoleName;
  readonly version: number;
  readonly bytes: Uint8Array;
}

export interface Updates {
  readonly files: readonly UpdateFile[];
  /** Whether the newest state is reached; otherwise there are more roots. */
  readonly complete: boolean;
}

/** The versions a client holds. */
export interface Held extends HeldVersions {
  readonly root: number;
}

export const UPDATES_TYPE = 'application/vnd.countersign.updates';

/** Beside the metadata files, none of which has such a name. */
export function updatesUrl(metadata: string, held: Held): string {
  const { root, timestamp, snapshot, targets } = held;
  return `${metadata}updates?root=${root}&timestamp=${timestamp}&snapshot=${snapshot}&targets=${targets}`;
}

/** Bytes of roots one answer may hold; a longer chain takes several. */
export const ROOTS_LIMIT = 8 * 1024 * 1024;

/** The most one answer may hold, in bytes, for a client with these limits. */
export function answerLimit({ snapshot, targets }: Pick<RefreshLimits, 'snapshot' | 'targets'>): number {
  return ROOTS_LIMIT + OTHERS + snapshot + targets;
}

/** Room for the timestamp and the lines between the files. */
const OTHERS = 1024 * 1024;

const ROLES: ReadonlySet<string> = new Set([ROOT, TIMESTAMP, SNAPSHOT, TARGETS]);
/** The line before a file is shorter than this. */
const MAX_LINE = 64;
const END = 'end';
const MORE = 'more';
const LF = 0x0a;

/** @throws CountersignError `malformed` */
export function readUpdates(body: Uint8Array): Updates {
  const files: UpdateFile[] = [];
  let at = 0;
  for (;;) {
    const end = body.subarray(0, at + MAX_LINE).indexOf(LF, at);
    if (end === -1) throw malformed('is cut short');
    const line = utf8Decode(body.subarray(at, end));
    at = end + 1;
    if (line === END || line === MORE) {
      if (at !== body.length) throw malformed('goes on behind its end');
      return { files, complete: line === END };
    }
    const [, role, version, length] = /^([a-z]+) ([1-9]\d{0,14}) (\d{1,12})$/u.exec(line) ?? [];
    if (role === undefined || !ROLES.has(role)) throw malformed('has a line that is none');
    const bytes = body.subarray(at, at + Number(length));
    if (bytes.length !== Number(length)) throw malformed('is cut short');
    files.push({ role: parseRoleName(role), version: Number(version), bytes });
    at += bytes.length;
  }
}

/** The parts of the body that holds `files`, to be sent one after the other. */
export function writeUpdates({ files, complete }: Updates): readonly Uint8Array[] {
  const encoder = new TextEncoder();
  return [
    ...files.flatMap(({ role, version, bytes }) => [encoder.encode(`${role} ${version} ${bytes.length}\n`), bytes]),
    encoder.encode(`${complete ? END : MORE}\n`),
  ];
}

function malformed(how: string): CountersignError {
  return new CountersignError('malformed', `the answer with all updates ${how}`);
}
