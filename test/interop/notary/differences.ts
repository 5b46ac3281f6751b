import type { TrustServerKind } from './chosen.js';

type PerServer<T> = Readonly<Record<TrustServerKind, T>>;

/** `trust server rejected operation.`: what clients print for a version that is taken (`VERSION`, 400). */
const REJECTED = /^trust server rejected operation\.$/u;

/** What the loser of two publishers of one version is told. On PostgreSQL the Go server often answers 500. */
export const LOSER_IS_TOLD: PerServer<RegExp> = {
  countersign: REJECTED,
  go: /^(?:trust server rejected operation|unable to reach trust server at this time: 500)\.$/u,
};

/**
 * How many of two publishers at the same moment, each of a delegation of their own, get their change in. In the Go server
 * they collide on the version of the snapshot it signs.
 */
export const DISJOINT_PUBLISHERS_WIN: PerServer<number> = { countersign: 2, go: 1 };

/** What a publisher without the snapshot key is told where the collection's snapshot key is not the server's. */
export const NO_SNAPSHOT_KEY: PerServer<RegExp> = {
  countersign: /^Metadata hierarchy is incomplete: /u,
  go: /^An error occurred during validation: rpc error: code = NotFound /u,
};

/**
 * Whether `docker trust sign` works again after the signer who released last was removed. The client, which cannot verify
 * `targets/releases` then, starts it again at version 1; a server that goes by stored versions alone refuses that, and the
 * signer must be added again for somebody else to release.
 */
export const RELEASES_WITHOUT_LAST_SIGNER: PerServer<boolean> = { countersign: false, go: false };
