export type TrustServerKind = 'countersign' | 'go';

/** The server that the suites run against: Countersign, unless `COUNTERSIGN_INTEROP_TRUST_SERVER` is `go`. */
export function chosenTrustServer(): TrustServerKind {
  const chosen = process.env['COUNTERSIGN_INTEROP_TRUST_SERVER'] ?? '';
  if (chosen === '' || chosen === 'countersign') return 'countersign';
  if (chosen === 'go') return 'go';
  throw new Error(`COUNTERSIGN_INTEROP_TRUST_SERVER is ${chosen}, and may be countersign or go`);
}
