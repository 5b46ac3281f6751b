import { createReadStream } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve, sep } from 'node:path';
import type { Crypto } from '../../tuf/crypto.js';
import { CountersignError } from '../../tuf/errors.js';
import type { TargetFile } from '../../tuf/model.js';
import { parseSaneTargetPath, type TargetPath } from '../../tuf/names.js';

/** A local file and the target it is to become. */
export interface FoundFile {
  readonly path: TargetPath;
  /** Absolute. */
  readonly source: string;
}

export interface Scan {
  readonly files: readonly FoundFile[];
  /** What is neither a file nor a directory, and so no target: links, sockets, devices. */
  readonly passedOver: readonly string[];
  /** The directories that were named and have no file in them. */
  readonly empty: readonly string[];
}

/**
 * The files that `paths` name. A file becomes a target of its own name; a directory `dist` becomes targets `dist/…`, and
 * `dist/` or `.` only what is in it. `as` replaces the name of a single file or directory, or with a slash at its end is put
 * before every name. Links are followed where they are named, and passed over within directories.
 * @throws CountersignError `not-found`, `invalid-name`, `usage`
 */
export async function scanFiles(paths: readonly string[], as: string | undefined): Promise<Scan> {
  if (as !== undefined && !as.endsWith('/') && paths.length > 1) {
    throw new CountersignError('usage', `${paths.length} files cannot all be ${as}`, {
      next: 'Give one file, or a directory that ends in a slash: --as lib/.',
    });
  }
  const files: FoundFile[] = [];
  const passedOver: string[] = [];
  const empty: string[] = [];
  for (const path of paths) {
    const source = resolve(path);
    const inside = path.endsWith('/') || path.endsWith(sep) || basename(path) === '.' || basename(path) === '..';
    const info = await stat(path).catch((cause: unknown) => {
      throw new CountersignError('not-found', `there is no file ${path}`, { cause });
    });
    if (info.isDirectory()) {
      const before = files.length;
      await walk(source, directoryPrefix(as, inside ? '' : basename(source)), files, passedOver);
      if (files.length === before) empty.push(path);
    } else if (info.isFile()) files.push({ path: parseSaneTargetPath(fileName(as, basename(source))), source });
    else throw new CountersignError('usage', `${path} is neither a file nor a directory`);
  }
  return { files: distinct(files), passedOver: [...new Set(passedOver)], empty };
}

function fileName(as: string | undefined, name: string): string {
  if (as === undefined) return name;
  return as.endsWith('/') ? as + name : as;
}

function directoryPrefix(as: string | undefined, name: string): string {
  const prefix = as === undefined ? name : as.endsWith('/') ? as + name : as;
  return prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
}

async function walk(directory: string, prefix: string, files: FoundFile[], passedOver: string[]): Promise<void> {
  const names = (await readdir(directory)).sort();
  for (const name of names) {
    const source = join(directory, name);
    const info = await lstat(source);
    if (info.isDirectory()) await walk(source, `${prefix}${name}/`, files, passedOver);
    else if (info.isFile()) files.push({ path: parseSaneTargetPath(prefix + name), source });
    else passedOver.push(source);
  }
}

/** Each once, though it was named twice. */
function distinct(files: readonly FoundFile[]): readonly FoundFile[] {
  const seen = new Map<TargetPath, FoundFile>();
  for (const file of files) {
    const { path, source } = file;
    const other = seen.get(path)?.source;
    if (other !== undefined && other !== source) {
      throw new CountersignError('usage', `${other} and ${source} would both be ${path}`, {
        next: 'Add them one by one, with --as.',
      });
    }
    seen.set(path, file);
  }
  return [...seen.values()];
}

/** Length and SHA-256 of a local file. */
export async function describeFile(path: string, crypto: Pick<Crypto, 'hash'>): Promise<TargetFile> {
  const hasher = crypto.hash('sha256');
  let length = 0;
  for await (const chunk of createReadStream(path)) {
    const bytes = chunk as Uint8Array;
    hasher.update(bytes);
    length += bytes.length;
  }
  return { length, hashes: new Map([['sha256', hasher.digest()]]) };
}
