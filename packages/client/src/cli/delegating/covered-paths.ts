import type { DelegationReport } from '../../reading/inspect.js';

const HEX_DIGITS = 16;

/** What a delegation covers, for people. */
export function coveredPaths({ kind, paths }: DelegationReport): string {
  if (kind !== 'hash-prefixes') return paths.join(' ');
  const all = paths.length === HEX_DIGITS && paths.every((prefix) => prefix.length === 1);
  return all ? 'everything' : `hashes ${paths.join(' ')}`;
}
