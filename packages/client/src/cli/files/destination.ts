import { lstat, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { errorCode } from '../../node/atomic-file.js';
import { verifyFile } from '../../node/verify-file.js';
import type { Crypto } from '../../tuf/crypto.js';
import type { FoundTarget } from '../../tuf/delegations.js';
import { CountersignError, hasCode } from '../../tuf/errors.js';
import { parseSaneTargetPath } from '../../tuf/names.js';

/** A target and where it goes. */
export interface Placed {
  readonly target: FoundTarget;
  /** Absolute. */
  readonly destination: string;
}

/**
 * One target to where the user wants it; into a directory, or into the current one, under the last part of its name.
 * @throws CountersignError `malformed` where that name could lead elsewhere; `usage` where there is no such directory
 */
export async function placeFor(target: FoundTarget, output: string | undefined): Promise<Placed> {
  const directory = output === undefined ? '.' : (await isDirectory(output)) ? output : dirname(output);
  if ((await stat(directory).catch(() => undefined)) === undefined)
    throw new CountersignError('usage', `there is no directory ${directory}`, {
      next: 'Make it, or choose another place.',
    });
  if (output !== undefined && !(await isDirectory(output))) return { target, destination: resolve(output) };
  return { target, destination: resolve(output ?? '.', basename(fileNameOf(target))) };
}

/**
 * All targets below a directory. Names come from strangers: they, and links that lie in the directory, must not lead out.
 * @throws CountersignError `malformed`; `usage` where a link leads out
 */
export async function placesBelow(directory: string, targets: readonly FoundTarget[]): Promise<readonly Placed[]> {
  const top = resolve(directory);
  const placed = targets.map((target) => ({ target, destination: join(top, fileNameOf(target)) }));
  const real = await nearestReal(top);
  for (const parent of new Set(placed.map(({ destination }) => dirname(destination)))) {
    if (parent === top || isWithin(real, await nearestReal(parent))) continue;
    throw new CountersignError('usage', `${parent} is reached through a link that leads out of ${top}`, {
      next: 'Remove the link, or fetch into another directory.',
    });
  }
  return placed;
}

/** How many files an error names. */
const NAMED = 5;

/**
 * Those of `places` whose file is there already, as it was signed for.
 * @throws CountersignError `usage` where another is there, which fetching would replace
 */
export async function inPlace(places: readonly Placed[], crypto: Pick<Crypto, 'hash'>): Promise<ReadonlySet<Placed>> {
  const there = new Set<Placed>();
  const others: string[] = [];
  for (const place of places) {
    const { target, destination } = place;
    if ((await stat(destination).catch(() => undefined))?.isFile() !== true) continue;
    try {
      await verifyFile(destination, target, crypto);
      there.add(place);
    } catch (error) {
      if (!hasCode(error, 'arbitrary-software')) throw error;
      others.push(destination);
    }
  }
  const [first] = others;
  if (first === undefined) return there;
  throw new CountersignError(
    'usage',
    others.length === 1
      ? `${first} is there already and differs`
      : `${others.length} files are there already and differ; nothing was fetched`,
    {
      detail: others.length === 1 ? {} : { found: others.slice(0, NAMED) },
      next: 'Choose another place with -o; or give --force to replace what is there.',
    },
  );
}

function fileNameOf({ path, role }: FoundTarget): string {
  try {
    return parseSaneTargetPath(path);
  } catch (cause) {
    throw new CountersignError('malformed', `${role} lists ${JSON.stringify(path)}, which is no name for a file here`, {
      cause,
      detail: { role, target: path },
      next: 'Do not trust this collection before its publisher has explained the name.',
    });
  }
}

async function isDirectory(path: string): Promise<boolean> {
  if (path.endsWith('/') || path.endsWith(sep)) return true;
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

/** The real path of `path`, or of the nearest directory above it that exists; undefined behind a link to nothing. */
async function nearestReal(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    const code = errorCode(error);
    if ((code !== 'ENOENT' && code !== 'ENOTDIR') || dirname(path) === path) throw error;
    if ((await lstat(path).catch(() => undefined))?.isSymbolicLink() === true) return undefined;
    return nearestReal(dirname(path));
  }
}

function isWithin(directory: string | undefined, path: string | undefined): boolean {
  if (directory === undefined || path === undefined) return false;
  const way = relative(directory, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
