import type { FormatName, Gun, Instant, RoleName, Version } from '@countersign/client/tuf';
import type { ChangefeedCopies } from './changefeed-copies.js';
import type { Uploads } from './target-ports.js';

export type * from './changefeed-copies.js';
export type * from './target-ports.js';

/** One stored metadata file, exactly as received or signed. */
export interface StoredFile {
  readonly role: RoleName;
  readonly version: Version;
  readonly bytes: Uint8Array;
  /** Lower-case hex SHA-256 of `bytes`. */
  readonly sha256: string;
  readonly expires: Instant;
  readonly createdAt: Instant;
}

/** A collection's newest committed state: what its newest timestamp leads to. `id` is what the next commit must follow. */
export interface Head {
  readonly id: number;
  readonly format: FormatName;
  readonly root: StoredFile;
  readonly timestamp: StoredFile;
  readonly snapshot: StoredFile;
}

/** One publish or renewal, committed as a whole or not at all. */
export interface Commit {
  readonly gun: Gun;
  readonly format: FormatName;
  /** `Head.id` this was built on, undefined for a first publish. */
  readonly follows: number | undefined;
  /** New files of every role but the timestamp; each is (role, version) never stored before. */
  readonly files: readonly NewFile[];
  readonly timestamp: NewFile;
  /** The root and snapshot versions that are current after this commit (new or as before). */
  readonly rootVersion: Version;
  readonly snapshotVersion: Version;
  /** When the renewal job should next look at this collection. */
  readonly renewAt: Instant;
  /** Key ids (signer's ids) the new metadata uses: they stop being pending. */
  readonly usedKeys: readonly string[];
  /** Keys the signer was given rather than asked for, and published metadata names: recorded here, as used. */
  readonly adoptedKeys: readonly OnlineKey[];
  /** Whether the changefeed gets a line of this commit, or holds what it has to say already. */
  readonly changefeed: 'line' | 'none';
  /** Changes to which target files current metadata names, by lower-case hex SHA-256. */
  readonly targets: TargetUses;
  readonly now: Instant;
}

export interface NewFile {
  readonly role: RoleName;
  readonly version: Version;
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly expires: Instant;
  /** When it was first published, if not by this commit. */
  readonly createdAt?: Instant;
}

/** Earlier versions that another server has published of a collection. */
export interface PastFiles {
  readonly gun: Gun;
  /** `Head.id` they were checked against: they are of that life of the collection, or of none. */
  readonly head: number;
  readonly files: readonly NewFile[];
  readonly now: Instant;
}

export interface FileName {
  readonly role: RoleName;
  readonly version: Version;
}

export type PastResult =
  | {
      readonly kind: 'added';
      /** How many were not there before. */
      readonly added: number;
      /** Stored already, with other bytes; those stay. */
      readonly differing: readonly FileName[];
    }
  /** There is no such head, or the collection's life with it has ended; nothing was written. */
  | { readonly kind: 'gone' }
  /** A root, snapshot or timestamp that is not below the current one; nothing was written. */
  | ({ readonly kind: 'not-past' } & FileName);

/** How often a role's new version names each hash, less how often its previous version did. Zero entries are left out. */
export interface TargetUses {
  readonly change: ReadonlyMap<string, number>;
  /** Hashes that must be stored on this server for the commit to go through. */
  readonly required: ReadonlySet<string>;
}

export type CommitResult =
  | { readonly kind: 'committed'; readonly head: number }
  /** The head has moved since `follows`; nothing was written. */
  | { readonly kind: 'lost' }
  /** The head is the right one, but this (role, version) exists already; nothing was written. */
  | { readonly kind: 'version-taken'; readonly role: RoleName; readonly version: Version }
  /** Target files required by the upload are not stored for this collection; nothing was written. */
  | { readonly kind: 'missing-targets'; readonly hashes: readonly string[] }
  /** Keys of `usedKeys` are not recorded for this collection, or those or adopted ones have been forgotten; nothing was written. */
  | { readonly kind: 'unknown-keys'; readonly ids: readonly string[] };

/** An online key this server asked its signer for. */
export interface OnlineKey {
  /** The signer's id: lower-case hex SHA-256 of the SPKI. */
  readonly id: string;
  readonly gun: Gun;
  readonly role: 'timestamp' | 'snapshot';
  readonly algorithm: 'ed25519' | 'ecdsa-p256-sha256';
  readonly spki: Uint8Array;
  /** Given out, but no published root names it yet. */
  readonly pending: boolean;
  readonly createdAt: Instant;
}

/** A line of the changefeed: a published timestamp (also by renewal), or a deletion (version 0, no hash). */
export interface Change {
  /** From 1 up, in the order in which changes are first read; without gaps, but for those a copied changefeed brings. */
  readonly id: number;
  readonly gun: Gun;
  readonly version: number;
  /** Of the timestamp, lower-case hex; empty for a deletion. */
  readonly sha256: string;
  readonly category: 'update' | 'deletion';
  readonly createdAt: Instant;
}

/** Which changes are asked for: the first `limit` after an id, or the last `limit` before one (or of all). */
export interface ChangesAsked {
  /** Undefined: of every collection. */
  readonly gun: Gun | undefined;
  readonly after: number | undefined;
  /** Only where `after` is undefined. */
  readonly before: number | undefined;
  readonly limit: number;
}

export interface DueCollection {
  readonly gun: Gun;
  readonly renewAt: Instant;
}

/**
 * Where collections live. The contract, which `test/contracts/store.ts` checks on every engine:
 *
 * - *Compare and swap.* `commit` takes effect only if the collection's head is `follows` (or there is none and `follows` is
 *   undefined) at the moment of commit. Of any number of commits that follow the same head, exactly one is `committed`;
 *   the others are `lost` and leave no trace: no file, no head, no use count, no key mark. Versions may have gaps. The swap
 *   is on the head, never on a version number, and holds between processes sharing a database.
 * - *Atomic.* A commit's files, head, key marks, target uses and changefeed row appear together or not at all, whatever
 *   dies when.
 * - *Durable.* When `commit` has resolved `committed`, the state survives kill -9 and power loss (SQLite: WAL,
 *   synchronous=FULL; PostgreSQL: synchronous_commit=on).
 * - *Unknown outcome.* If `commit` rejects, it may or may not have happened; the caller re-reads the head to learn which.
 * - *Read your writes, everywhere.* A read that starts after `commit` resolved, in any process, sees it. `head` returns one
 *   consistent state: its timestamp, snapshot and root belong together.
 * - *Forgotten keys.* Whether a pending key is used or forgotten is decided once, in the transaction that marks it: either
 *   `commit` comes first and the key is used for good, or `forgetPendingKeys` does and the commit answers `unknown-keys`. So
 *   a key that was forgotten may be destroyed: no published root names it, nor ever will.
 * - *Immutable.* A stored (gun, role, version) never changes while the collection lives.
 * - *Deletion.* `remove` ends a collection's life as one commit: afterwards nothing of it can be read but `pastVersions` and
 *   the changefeed, nothing of another collection has changed, and a commit that follows a head of that life is `lost`. The
 *   next commit with `follows` undefined begins another life.
 * - *Past files.* `addPast` adds versions below what is current, all of a call or none, and readable as if they had been
 *   published here; it moves no head, use count or changefeed. What is stored already stays as it is, so that a call may be
 *   repeated. The store knows which root, snapshot and timestamp are current; of other roles the caller sees to it.
 * - *The changefeed* has one row for each commit that asks for it and each deletion that removed something. Who reads it onward from the
 *   last id it was given misses nothing, however transactions overlap.
 * - *Isolated.* No method returns, counts or blocks on anything of another gun.
 * - *Errors.* `CountersignError` `storage-full` when the disk or the database's size limit is reached; `unavailable` when
 *   the database cannot be reached; anything else is a fault. After any error the store goes on working.
 * - *Concurrency.* Every method may be called at any time, any number at once. No method waits for anything but the database.
 */
export interface Store {
  /** The format of the collection; undefined where nothing is published. */
  format(gun: Gun): Promise<FormatName | undefined>;
  /** The newest state, or undefined where nothing was ever published. */
  head(gun: Gun): Promise<Head | undefined>;
  /** The bytes of the current timestamp only: the hot read. */
  timestamp(gun: Gun): Promise<StoredFile | undefined>;
  file(gun: Gun, role: RoleName, version: Version): Promise<StoredFile | undefined>;
  fileByHash(gun: Gun, role: RoleName, sha256: string): Promise<StoredFile | undefined>;
  /** Several files at once, in the order asked for; undefined where one is not stored. */
  files(
    gun: Gun,
    wanted: readonly { readonly role: RoleName; readonly version: Version }[],
  ): Promise<readonly (StoredFile | undefined)[]>;
  commit(commit: Commit): Promise<CommitResult>;
  /** Adds earlier versions, of which none is or becomes current. */
  addPast(past: PastFiles): Promise<PastResult>;
  /** Removes everything that was ever published of `gun`; answers whether there was anything. */
  remove(gun: Gun, now: Instant): Promise<boolean>;
  /** The highest version each role had in earlier lives of the collection; empty where it never was deleted. */
  pastVersions(gun: Gun): Promise<ReadonlyMap<RoleName, Version>>;
  /** Oldest first. */
  changes(asked: ChangesAsked): Promise<readonly Change[]>;

  /** Collections whose `renewAt` is not after `now`, earliest first; only those after `last`, the end of the page before. */
  due(now: Instant, limit: number, last?: DueCollection): Promise<readonly DueCollection[]>;

  /** When the first of all current timestamps expires, or has expired; undefined where nothing was ever published. */
  earliestExpiry(): Promise<Instant | undefined>;

  /** The online keys recorded for (gun, role), used or pending. */
  onlineKeys(gun: Gun, role: OnlineKey['role']): Promise<readonly OnlineKey[]>;
  /** Records a pending key; if (gun, role, algorithm) has a pending one already, that one is returned and `key` forgotten. */
  addPendingKey(key: OnlineKey): Promise<OnlineKey>;
  /** How many pending keys there are for collections that were never published. */
  countPendingKeys(): Promise<number>;
  /**
   * Forgets at most `limit` pending keys recorded before `before`: they are in no other answer any more, and no commit can use
   * them. Answers at most `limit` keys that are forgotten and not dropped yet, these and any from before.
   */
  forgetPendingKeys(before: Instant, limit: number): Promise<readonly OnlineKey[]>;
  /** Removes what is recorded of forgotten keys; `ids` that are not forgotten are left alone. */
  dropForgottenKeys(ids: readonly string[]): Promise<void>;

  /** Uploaded target files, per collection. */
  uploads: Uploads;

  /** Changefeeds of servers whose collections were taken over. */
  changefeedCopies: ChangefeedCopies;

  /** Whether the database answers. Rejects with `unavailable` if not. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** What one payload needs to be signed. */
export interface ToSign {
  readonly keyId: string;
  readonly gun: Gun;
  readonly role: 'timestamp' | 'snapshot';
  readonly format: FormatName;
  /** Canonical `signed` bytes. */
  readonly payload: Uint8Array;
  /** The role's published predecessor, the whole file, where the format's versions carry continuity. */
  readonly follows?: Uint8Array;
  /**
   * With a snapshot: the published timestamp and the ids of the keys that are to sign the next one. The signer then writes
   * down what that has to follow together with what the snapshot needs.
   */
  readonly published?: { readonly keyIds: readonly string[]; readonly timestamp: Uint8Array };
}

/**
 * The signer as the server sees it. Errors: `unavailable` when it cannot be reached (nothing was decided), `stale-version`
 * with `detail.current` = the highest version the key has signed (sign a higher one), `policy` when it refuses, `rate-limit`,
 * `missing-key` when it is asked to sign with a key it does not hold (any more).
 */
export interface Signer {
  createKey(
    gun: Gun,
    role: OnlineKey['role'],
    algorithm: OnlineKey['algorithm'],
  ): Promise<{ readonly id: string; readonly spki: Uint8Array }>;
  /**
   * Deletes a key that has never signed; one that is not there is no error. Others it keeps: a published root may name them.
   * @throws CountersignError `policy` for a key that has signed
   */
  deleteKey(id: string): Promise<void>;
  /** The signature value: 64 raw bytes for Ed25519, ASN.1 DER for ECDSA. */
  sign(request: ToSign): Promise<Uint8Array>;
  ping(): Promise<void>;
}
