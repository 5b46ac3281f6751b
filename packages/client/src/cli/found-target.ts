import type { FoundTarget } from '../tuf/delegations.js';
import { hexEncode } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import type { Updater } from '../reading/updater.js';
import type { Collection } from './collection.js';
import { similar } from '../similar.js';

/** The target at `path`. @throws CountersignError `not-found`, with the one that was probably meant */
export async function findTarget(collection: Collection, updater: Updater, path: string): Promise<FoundTarget> {
  const target = await updater.find(path);
  if (target === undefined) throw await noTarget(collection, updater, path);
  return target;
}

/** A target for programs. */
export function targetAsJson({ path, file, role }: FoundTarget): object {
  const hashes = Object.fromEntries([...file.hashes].map(([algorithm, hash]) => [algorithm, hexEncode(hash)]));
  return { target: path, length: file.length, hashes, role };
}

/** The error for a target that no role lists, with the one that was probably meant. */
export async function noTarget(collection: Collection, updater: Updater, path: string): Promise<CountersignError> {
  const meant = similar(path, await listedPaths(updater));
  const suggestion = meant === undefined ? '' : `Did you mean ${meant}? `;
  return new CountersignError('not-found', `no role of ${collection.gun} lists ${path}`, {
    detail: { target: path },
    next: `${suggestion}See \`${collection.command('list')}\`.`,
  });
}

/** A role that cannot be read leaves nothing to suggest, and is not what was asked about. */
async function listedPaths(updater: Updater): Promise<readonly string[]> {
  const paths: string[] = [];
  try {
    for await (const { path } of updater.list()) paths.push(path);
  } catch (error) {
    if (error instanceof CountersignError) return [];
    throw error;
  }
  return paths;
}
