import { createHash } from 'node:crypto';
import {
  instant,
  parseGun,
  parseRoleName,
  parseVersion,
  ROOT,
  SNAPSHOT,
  TARGETS,
  TIMESTAMP,
  type Gun,
  type RoleName,
} from '@countersign/client/tuf';
import type { Commit, NewFile, OnlineKey, Upload } from '../../packages/server/src/collection/ports.js';

export const NOW = instant(Date.UTC(2030, 0, 1));
export const DAY = 86_400_000;
export const NONE = { change: new Map<string, number>(), required: new Set<string>() };

export const PAST_ROLE = parseRoleName('past');

/** `days` after `NOW`. */
export const after = (days: number): ReturnType<typeof instant> => instant(NOW + days * DAY);
export const gun = (name: string): Gun => parseGun(name);
export const role = (name: string): RoleName => parseRoleName(name);
export const version = parseVersion;
export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
export const sha512 = (bytes: Uint8Array | string): string => createHash('sha512').update(bytes).digest('hex');

export function newFile(name: RoleName, number: number, content = `${name} ${number}`): NewFile {
  const bytes = new TextEncoder().encode(content);
  return { role: name, version: version(number), bytes, sha256: sha256(bytes), expires: after(7) };
}

/** A collection's first publish: all four roles in version 1. */
export function firstPublish(name: Gun, changes: Partial<Commit> = {}): Commit {
  return {
    gun: name,
    format: 'tuf-1',
    follows: undefined,
    files: [newFile(ROOT, 1), newFile(SNAPSHOT, 1), newFile(TARGETS, 1)],
    timestamp: newFile(TIMESTAMP, 1),
    rootVersion: version(1),
    snapshotVersion: version(1),
    renewAt: after(1),
    usedKeys: [],
    adoptedKeys: [],
    changefeed: 'line',
    targets: NONE,
    now: NOW,
    ...changes,
  };
}

/** A publish of targets, snapshot and timestamp, all as `number`, on top of the head `follows`. */
export function nextPublish(name: Gun, follows: number, number: number, changes: Partial<Commit> = {}): Commit {
  return {
    ...firstPublish(name),
    follows,
    files: [newFile(SNAPSHOT, number), newFile(TARGETS, number)],
    timestamp: newFile(TIMESTAMP, number),
    snapshotVersion: version(number),
    ...changes,
  };
}

/** The three files of a role that is not current, which go with version `number` of the others. */
export function pastFiles(number: number): readonly NewFile[] {
  return [0, 1, 2].map((offset) => newFile(PAST_ROLE, 3 * number + offset));
}

export function pendingKey(name: Gun, id: string, changes: Partial<OnlineKey> = {}): OnlineKey {
  return {
    id: sha256(id),
    gun: name,
    role: 'timestamp',
    algorithm: 'ed25519',
    spki: new TextEncoder().encode(`spki of ${id}`),
    pending: true,
    createdAt: NOW,
    ...changes,
  };
}

export function upload(name: Gun, content: string, changes: Partial<Upload> = {}): Upload {
  return {
    gun: name,
    sha256: sha256(content),
    sha512: sha512(content),
    length: content.length,
    blob: sha256(`${name} ${content} ${changes.uploadedAt ?? ''}`),
    uploadedAt: NOW,
    ...changes,
  };
}

/** Uses that name each of `contents` once more (or `by` times). */
export function uses(
  contents: readonly string[],
  by = 1,
): { readonly change: ReadonlyMap<string, number>; readonly required: ReadonlySet<string> } {
  const hashes = contents.map((content) => sha256(content));
  return { change: new Map(hashes.map((hash) => [hash, by])), required: new Set(by > 0 ? hashes : []) };
}
