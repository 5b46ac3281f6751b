import {
  binName,
  CountersignError,
  succinctDelegation,
  type Delegation,
  type Delegations,
} from '@countersign/client/tuf';

/** Every delegation a document makes; succinct ones bin by bin. */
export function* delegationsOf(delegations: Delegations): Generator<Delegation> {
  yield* delegations.roles;
  const { succinct } = delegations;
  if (succinct === undefined) return;
  for (let index = 0; index < 2 ** succinct.bitLength; index += 1) yield succinctDelegation(succinct, index);
}

/** @throws CountersignError `too-many` for succinct delegations to more than `limit` bins */
export function checkBinCount(delegations: Delegations, limit: number): void {
  const { succinct } = delegations;
  if (succinct === undefined || 2 ** succinct.bitLength <= limit) return;
  throw new CountersignError(
    'too-many',
    `${binName(succinct, 0)} … are 2^${succinct.bitLength} bins; this server takes at most ${limit} roles`,
    { detail: { limit } },
  );
}
