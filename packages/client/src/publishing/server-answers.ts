import { hostOf } from '../http/transfer.js';
import type { ImportedBody, PastBody, PublishedBody } from '../http/wire.js';
import { CountersignError } from '../tuf/errors.js';

type Members = Readonly<Record<string, unknown>>;
/** What each member of an answer must be. */
type Shape<T> = { readonly [Name in keyof T]: (value: unknown) => boolean };

const isText = (value: unknown): boolean => typeof value === 'string';
const isTruth = (value: unknown): boolean => typeof value === 'boolean';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const isDate = (value: unknown): boolean => typeof value === 'string' && !Number.isNaN(Date.parse(value));
const isVersions = (value: unknown): boolean => isObject(value) && Object.values(value).every(isCount);
const isFlawed = (value: unknown): boolean =>
  isObject(value) &&
  isText(value['role']) &&
  isText(value['why']) &&
  (value['version'] === undefined || isCount(value['version']));
const areFlawed = (value: unknown): boolean => Array.isArray(value) && value.every(isFlawed);

const PUBLISHED: Shape<PublishedBody> = {
  gun: isText,
  versions: isVersions,
  timestampExpires: isDate,
  repeated: isTruth,
};
const IMPORTED: Shape<ImportedBody> = {
  ...PUBLISHED,
  state: (value) => value === 'signed-here' || value === 'mirror',
  flawed: areFlawed,
};
const PAST: Shape<PastBody> = { added: isCount, refused: areFlawed };

/** The answer of `url` to a publish. @throws CountersignError `network` where it is none: something else may have answered */
export const readPublished = (bytes: Uint8Array, url: string): PublishedBody => read(bytes, url, PUBLISHED);

/** The answer of `url` to an import. @throws CountersignError as `readPublished` */
export const readImported = (bytes: Uint8Array, url: string): ImportedBody => read(bytes, url, IMPORTED);

/** The answer of `url` to earlier versions. @throws CountersignError as `readPublished` */
export const readPast = (bytes: Uint8Array, url: string): PastBody => read(bytes, url, PAST);

/** No part of the answer is quoted: a stranger may have written it. */
function read<T>(bytes: Uint8Array, url: string, shape: Shape<T>): T {
  let answer: unknown;
  try {
    answer = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    // told below
  }
  const checks = Object.entries<(value: unknown) => boolean>(shape);
  if (isObject(answer) && checks.every(([name, fits]) => fits(answer[name]))) return answer as T;
  throw new CountersignError('network', `${hostOf(url)} answers with something else than a trust server does`, {
    detail: { host: hostOf(url) },
    next: "Check the server's address, and whether this network asks you to log in first.",
  });
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
