import { CountersignError } from './errors.js';

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

/** The name of a collection ("globally unique name"), for example `registry.example:5000/team/app`. */
export type Gun = Brand<string, 'Gun'>;
/** A role: one of the four top-level roles, or a delegated one. */
export type RoleName = Brand<string, 'RoleName'>;
/** The path of a target inside its collection, for example `lib/index.js`. */
export type TargetPath = Brand<string, 'TargetPath'>;
/** The label under which a document lists a key; in strict use the hex SHA-256 of the canonical key object. */
export type KeyId = Brand<string, 'KeyId'>;
/** A metadata version: a safe integer of at least 1. */
export type Version = Brand<number, 'Version'>;
/** A moment, in milliseconds since 1970-01-01T00:00:00Z; always finite. */
export type Instant = Brand<number, 'Instant'>;

export const ROOT = 'root' as RoleName;
export const TIMESTAMP = 'timestamp' as RoleName;
export const SNAPSHOT = 'snapshot' as RoleName;
export const TARGETS = 'targets' as RoleName;

export type TopLevelRole = 'root' | 'timestamp' | 'snapshot' | 'targets';

/** Limits on names, in UTF-8 bytes. */
export const NAME_LIMITS = { gun: 255, role: 255, target: 1024 } as const;

export function isTopLevel(role: string): role is TopLevelRole {
  return role === ROOT || role === TIMESTAMP || role === SNAPSHOT || role === TARGETS;
}

function invalid(kind: string, name: string, why: string, next: string): never {
  throw new CountersignError('invalid-name', `${kind} ${JSON.stringify(name.slice(0, 100))} ${why}`, { next });
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

// C0, DEL, C1: they forge log lines and terminal output.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/u;

// Two UTF-16 units each. tuf-js orders the members of a snapshot by unit, everybody else by code point, and the two differ
// as soon as a name holds one of these and another a character from U+E000 up.
const ASTRAL = /[\u{10000}-\u{10ffff}]/u;

/**
 * A collection's name as people and servers write it: segments joined by `/`, none empty, `.`, `..` or `_trust`, without
 * `*`, backslash, control characters or ill-formed Unicode, at most 255 bytes.
 * @throws CountersignError `invalid-name`
 */
export function parseGun(text: string): Gun {
  const next = 'Use a name such as example.com/team/app.';
  if (text === '') invalid('collection name', text, 'is empty', next);
  if (!text.isWellFormed()) invalid('collection name', text, 'is not well-formed Unicode', next);
  if (CONTROL.test(text)) invalid('collection name', text, 'holds a control character', next);
  if (/[*\\]/u.test(text)) invalid('collection name', text, 'holds "*" or a backslash', next);
  if (byteLength(text) > NAME_LIMITS.gun)
    invalid('collection name', text, `is longer than ${NAME_LIMITS.gun} bytes`, next);
  for (const segment of text.split('/')) {
    if (segment === '') invalid('collection name', text, 'has an empty segment', next);
    if (segment === '.' || segment === '..') invalid('collection name', text, `has a "${segment}" segment`, next);
    if (segment === '_trust') invalid('collection name', text, 'has a "_trust" segment', next);
  }
  return text as Gun;
}

/**
 * A role name as a document may hold it (lenient: stock repositories use unusual names). Not empty, well-formed.
 * @throws CountersignError `invalid-name`
 */
export function parseRoleName(text: string): RoleName {
  if (text === '') invalid('role name', text, 'is empty', 'Give the role a name.');
  if (!text.isWellFormed()) invalid('role name', text, 'is not well-formed Unicode', 'Rename the role.');
  return text as RoleName;
}

/**
 * A delegated role name this server lets in and this command makes: as `parseRoleName`, and no top-level role, no member of
 * every JavaScript object (`constructor`), no control character, no character above U+FFFF, no backslash, no leading or
 * trailing slash or space, no `.` or `..` segment, at most 255 bytes.
 * @throws CountersignError `invalid-name`
 */
export function parseSaneRoleName(text: string): RoleName {
  const next = 'Use letters, digits, "-", "_", "." and "/".';
  const role = parseRoleName(text);
  if (isTopLevel(text)) invalid('role name', text, 'is a top-level role', 'Choose another name for the delegation.');
  // tuf-js looks roles up in plain objects, finds these there already, and never fetches them.
  if (text in Object.prototype)
    invalid('role name', text, 'is a name that stock clients confuse with their own', 'Choose another name.');
  if (CONTROL.test(text) || text.includes('\\'))
    invalid('role name', text, 'holds a control character or backslash', next);
  if (ASTRAL.test(text)) invalid('role name', text, 'holds a character above U+FFFF, such as an emoji', next);
  if (text !== text.trim()) invalid('role name', text, 'begins or ends with a space', next);
  if (byteLength(text) > NAME_LIMITS.role) invalid('role name', text, `is longer than ${NAME_LIMITS.role} bytes`, next);
  for (const segment of text.split('/')) {
    if (segment === '' || segment === '.' || segment === '..')
      invalid('role name', text, 'has an empty, "." or ".." segment', next);
  }
  return role;
}

/**
 * A target path as a document may hold it (lenient). Not empty, well-formed.
 * @throws CountersignError `invalid-name`
 */
export function parseTargetPath(text: string): TargetPath {
  if (text === '') invalid('target path', text, 'is empty', 'Give the target a path.');
  if (!text.isWellFormed()) invalid('target path', text, 'is not well-formed Unicode', 'Rename the target.');
  return text as TargetPath;
}

/**
 * A target path this server lets in and this command makes: relative, no empty, `.` or `..` segment, no backslash, no
 * control character, at most 1,024 bytes.
 * @throws CountersignError `invalid-name`
 */
export function parseSaneTargetPath(text: string): TargetPath {
  const next = 'Use a relative path such as lib/index.js.';
  const path = parseTargetPath(text);
  if (CONTROL.test(text) || text.includes('\\'))
    invalid('target path', text, 'holds a control character or backslash', next);
  if (byteLength(text) > NAME_LIMITS.target)
    invalid('target path', text, `is longer than ${NAME_LIMITS.target} bytes`, next);
  for (const segment of text.split('/')) {
    if (segment === '') invalid('target path', text, 'is absolute or has an empty segment', next);
    if (segment === '.' || segment === '..') invalid('target path', text, `has a "${segment}" segment`, next);
  }
  return path;
}

export function parseKeyId(text: string): KeyId {
  if (text === '') throw new CountersignError('malformed', 'a key id is empty');
  return text as KeyId;
}

/** @throws CountersignError `malformed` unless `value` is a safe integer of at least 1 (§4.2, C6) */
export function parseVersion(value: number, what = 'version'): Version {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new CountersignError(
      'malformed',
      `${what} must be a whole number from 1 to ${Number.MAX_SAFE_INTEGER}, not ${value}`,
    );
  }
  return value as Version;
}

/** @throws CountersignError `malformed` unless `milliseconds` is a finite number: a broken clock never means "not expired" */
export function instant(milliseconds: number): Instant {
  if (!Number.isFinite(milliseconds)) throw new CountersignError('malformed', 'not a moment in time');
  return milliseconds as Instant;
}

/** A date and time of day in UTC; undefined where the calendar has no such day or the clock no such time. */
export function utcInstant(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): Instant | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const exists =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  return exists ? instant(date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000) : undefined;
}
/** The last millisecond that four digits of a year can say. */
const LAST = 253_402_300_799_999;

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/u;

/**
 * Reads an RFC 3339 date and time with seconds, optional fraction, `Z` or an offset, that exists in the calendar (C7) and
 * lies in the years 1970 to 9999.
 * @throws CountersignError `malformed`
 */
export function parseInstant(text: string): Instant {
  const match = RFC3339.exec(text);
  const bad = (): never => {
    throw new CountersignError(
      'malformed',
      `${JSON.stringify(text.slice(0, 60))} is not a date such as 2030-01-31T12:00:00Z`,
    );
  };
  if (match === null) return bad();
  const [, year, month, day, hour, minute, second, fraction, zone] = Array.from(
    match,
    (part: string | undefined) => part ?? '',
  );
  const parts = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const utc = utcInstant(...parts);
  if (utc === undefined || parts[0] < 1970) return bad();
  let offset = 0;
  if (zone !== 'Z' && zone !== 'z') {
    const [hours, minutes] = (zone ?? '').slice(1).split(':').map(Number) as [number, number];
    if (hours > 23 || minutes > 59) return bad();
    offset = (hours * 60 + minutes) * 60_000 * (zone?.startsWith('-') === true ? -1 : 1);
  }
  const moment = utc - offset + Math.trunc(Number(fraction === '' ? 0 : fraction) * 1000);
  // An offset may lead out of the years that `formatInstant` can write.
  return moment < 0 || moment > LAST ? bad() : instant(moment);
}

/** `YYYY-MM-DDTHH:MM:SSZ`, the only form this product writes (§4.2.3); fractions of a second are cut off. */
export function formatInstant(moment: Instant): string {
  return new Date(moment).toISOString().replace(/\.\d{3}Z$/u, 'Z');
}
