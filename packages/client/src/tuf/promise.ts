import { digest, type Crypto } from './crypto.js';
import { equalBytes, hexEncode } from './encoding.js';
import { CountersignError } from './errors.js';
import type { HashAlgorithm, Hashes, MetaFile } from './model.js';

const KNOWN: ReadonlySet<string> = new Set<HashAlgorithm>(['sha256', 'sha512']);

export function isKnownHash(algorithm: string): algorithm is HashAlgorithm {
  return KNOWN.has(algorithm);
}

/**
 * Checks a metadata file against what its parent promises of it: exact length and every listed hash, before anything in it
 * is believed (§5.5.2, §5.6.2). An algorithm we do not know is a mismatch (W4.3).
 * @throws CountersignError `mix-and-match`
 */
export function checkPromise(what: string, promise: MetaFile, raw: Uint8Array, crypto: Pick<Crypto, 'hash'>): void {
  if (promise.length !== undefined && promise.length !== raw.length) {
    throw new CountersignError(
      'mix-and-match',
      `${what} has ${raw.length} bytes where ${promise.length} were signed for`,
      { detail: { role: what } },
    );
  }
  checkHashes(what, promise.hashes, raw, crypto);
}

function checkHashes(what: string, hashes: Hashes, raw: Uint8Array, crypto: Pick<Crypto, 'hash'>): void {
  for (const [algorithm, expected] of hashes) {
    const actual = isKnownHash(algorithm) ? digest(crypto, algorithm, raw) : undefined;
    if (actual !== undefined && equalBytes(actual, expected)) continue;
    throw new CountersignError(
      'mix-and-match',
      actual === undefined
        ? `${what} is named by a ${algorithm} hash, which this client cannot check`
        : `${what} has the ${algorithm} hash ${hexEncode(actual)} where ${hexEncode(expected)} was signed for`,
      { detail: { role: what } },
    );
  }
}
