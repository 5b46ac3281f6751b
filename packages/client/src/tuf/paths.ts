import { digest, type Crypto } from './crypto.js';
import { hexEncode } from './encoding.js';
import { matches, readPattern, type ReadPattern } from './fnmatch.js';
import type { Delegation, PathSet, SuccinctRoles } from './model.js';
import type { RoleName, TargetPath } from './names.js';

type Hashing = Pick<Crypto, 'hash'>;

function pathHash(target: TargetPath, crypto: Hashing): Uint8Array {
  return digest(crypto, 'sha256', new TextEncoder().encode(target));
}

/**
 * Whether a delegation covers a target path: globs segment by segment (so `*` never crosses `/`, W7.1), prefixes of the
 * path's hex SHA-256, plain prefixes (Notary v1), or the path's own bin (TAP 15). Nothing is normalised (W7.3).
 */
export function covers(paths: PathSet, target: TargetPath, crypto: Hashing): boolean {
  switch (paths.kind) {
    case 'globs':
      return paths.patterns.some((pattern) => matchesGlob(readGlob(pattern), splitPath(target)));
    case 'hash-prefixes': {
      const hash = hexEncode(pathHash(target, crypto));
      return paths.prefixes.some((prefix) => hash.startsWith(prefix));
    }
    case 'prefixes':
      return paths.prefixes.some((prefix) => target.startsWith(prefix));
    case 'bins':
      return bin(paths.bitLength, target, crypto) === paths.index;
  }
}

/** A glob read once, to be held against many paths: each of its segments. */
export type Glob = readonly ReadPattern[];

export function readGlob(pattern: string): Glob {
  return pattern.split('/').map(readPattern);
}

/** The segments of a path, each taken apart into code points. */
export function splitPath(target: TargetPath): readonly (readonly string[])[] {
  return target.split('/').map((segment) => Array.from(segment));
}

/** What `covers` says of the pattern and the path that `glob` and `path` were made from. */
export function matchesGlob(glob: Glob, path: readonly (readonly string[])[]): boolean {
  return glob.length === path.length && glob.every((wanted, at) => matches(path[at] ?? [], wanted));
}

/** The first `bitLength` (1 to 32) bits of the path's SHA-256, big-endian. */
function bin(bitLength: number, target: TargetPath, crypto: Hashing): number {
  const hash = pathHash(target, crypto);
  const first = new DataView(hash.buffer, hash.byteOffset).getUint32(0);
  return first >>> (32 - bitLength);
}

/** The index of the bin that holds `target` (TAP 15). */
export function binIndex(succinct: SuccinctRoles, target: TargetPath, crypto: Hashing): number {
  return bin(succinct.bitLength, target, crypto);
}

/** `prefix-` and the index in hex, padded to the width of the last one (TAP 15). */
export function binName(succinct: SuccinctRoles, index: number): RoleName {
  const width = (2 ** succinct.bitLength - 1).toString(16).length;
  return `${succinct.namePrefix}-${index.toString(16).padStart(width, '0')}` as RoleName;
}

/** The one bin as a delegation; terminating, as every released client has it, though TAP 15's text says otherwise. */
export function succinctDelegation(succinct: SuccinctRoles, index: number): Delegation {
  return {
    name: binName(succinct, index),
    keyIds: succinct.keyIds,
    threshold: succinct.threshold,
    paths: { kind: 'bins', bitLength: succinct.bitLength, index },
    terminating: true,
  };
}
