import {
  covers,
  digest,
  hexEncode,
  matchesGlob,
  readGlob,
  splitPath,
  type Crypto,
  type Glob,
  type PathSet,
  type TargetPath,
} from '@countersign/client/tuf';
import type { Work } from './work.js';

const ASTRAL = /[\u{10000}-\u{10ffff}]/u;
const WILD = /[?*[]/u;

/** A pattern with wildcards, read once. */
interface Wild {
  readonly glob: Glob;
  readonly segments: readonly string[];
  readonly length: number;
  /** Whether matching may have to go back again and again: more than one `*` in a segment. */
  readonly slow: boolean;
}

interface Path {
  readonly segments: readonly string[];
  readonly points: readonly (readonly string[])[];
  readonly length: number;
}

/**
 * All paths delegated to one role, by whomever; made to be asked about many targets. Patterns must have passed
 * `checkPatterns`.
 */
export class Covering {
  readonly #plain = new Set<string>();
  readonly #wild = new Map<string, Wild>();
  /** Prefixes of hashes, by their length. */
  readonly #prefixes = new Map<number, Set<string>>();
  readonly #others: PathSet[] = [];

  add(paths: PathSet): void {
    if (paths.kind === 'globs') for (const pattern of paths.patterns) this.#addPattern(pattern);
    else if (paths.kind === 'hash-prefixes') for (const prefix of paths.prefixes) this.#addPrefix(prefix);
    else this.#others.push(paths);
  }

  #addPattern(pattern: string): void {
    if (!WILD.test(pattern)) this.#plain.add(pattern);
    else if (!this.#wild.has(pattern)) this.#wild.set(pattern, read(pattern));
  }

  #addPrefix(prefix: string): void {
    const known = this.#prefixes.get(prefix.length) ?? new Set();
    this.#prefixes.set(prefix.length, known.add(prefix));
  }

  /**
   * Whether every client finds that `target` is covered.
   * @throws CountersignError `too-many` when that is more `work` than is left
   */
  async covers(target: TargetPath, crypto: Pick<Crypto, 'hash'>, work: Work): Promise<boolean> {
    if (work.spend(1 + 3 * (this.#prefixes.size + this.#others.length))) await work.pause();
    if (this.#plain.has(target) || this.#hashed(target, crypto)) return true;
    if (this.#others.some((paths) => covers(paths, target, crypto))) return true;
    const segments = target.split('/');
    const path: Path = { segments, points: splitPath(target), length: target.length };
    for (const wild of this.#wild.values()) {
      if (work.spend(cost(wild, path))) await work.pause();
      if (matchesForAll(wild, path)) return true;
    }
    return false;
  }

  #hashed(target: TargetPath, crypto: Pick<Crypto, 'hash'>): boolean {
    if (this.#prefixes.size === 0) return false;
    const hash = hexEncode(digest(crypto, 'sha256', new TextEncoder().encode(target)));
    return [...this.#prefixes].some(([length, prefixes]) => prefixes.has(hash.slice(0, length)));
  }
}

function read(pattern: string): Wild {
  const segments = pattern.split('/');
  return {
    glob: readGlob(pattern),
    segments,
    length: pattern.length,
    slow: segments.some((segment) => segment.split('*').length > 2),
  };
}

/** In units of `Work`: a hundred characters compared take about a microsecond. */
function cost(wild: Wild, path: Path): number {
  if (wild.segments.length !== path.segments.length) return 0.05;
  return 0.1 + (wild.slow ? wild.length * path.length : wild.length + path.length) / 100;
}

function matchesForAll({ glob, segments }: Wild, path: Path): boolean {
  return (
    matchesGlob(glob, path.points) && segments.every((wanted, at) => segmentForAll(wanted, path.segments[at] ?? ''))
  );
}

/** Of a segment that the reference client's fnmatch matches (see `patterns.ts`). */
function segmentForAll(wanted: string, segment: string): boolean {
  if (segment.startsWith('.') && !wanted.startsWith('.')) return false;
  // One character is one code point in Python, and one UTF-16 unit in tuf-js.
  return !(ASTRAL.test(segment) && /[?[]/u.test(wanted));
}
