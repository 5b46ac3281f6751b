import type { CountersignError, FormatName, Gun, Instant, RoleName, Version } from '@countersign/client/tuf';
import type { Change, ChangesAsked, Commit, OnlineKey, StoredFile } from './ports.js';

/** One uploaded part: the role it claims to be and the bytes as received. */
export interface UploadedFile {
  readonly role: string;
  readonly bytes: Uint8Array;
}

export interface PublishRequest {
  readonly gun: Gun;
  readonly files: readonly UploadedFile[];
  /** `hosted`: every target the upload newly names must already be on this server. */
  readonly targets: 'hosted' | 'anywhere';
  /** Roles the publisher knows and says this publish may leave unverifiable. */
  readonly abandons: readonly string[];
}

export interface Published {
  readonly gun: Gun;
  /** Version of every role this publish made current, by role name. */
  readonly versions: Readonly<Record<string, number>>;
  /** When the new timestamp stops being valid. */
  readonly timestampExpires: Instant;
  /** The same bytes had been published before; nothing was written. */
  readonly repeated: boolean;
  readonly format: FormatName;
}

/** A file of a collection that another server published, and nothing here has verified yet. */
export interface HistoryFile extends UploadedFile {
  /** When it was published there, if that is known; else it counts from now. */
  readonly createdAt?: Instant;
}

/** A collection as another server has it. */
export interface TakeOverRequest {
  readonly gun: Gun;
  readonly history: {
    /** One version after the other, the current one last. */
    readonly roots: readonly HistoryFile[];
    /** What is current, without its root: timestamp, snapshot, and every targets role that the snapshot lists. */
    readonly current: readonly HistoryFile[];
  };
  /**
   * What its owner signed on top, so that it goes on here: the next root, which names online keys of this server, and a snapshot
   * where the owner holds that key. Empty, nothing is added.
   */
  readonly next: readonly UploadedFile[];
  /** Keys that the history names and the signer of this server holds; none unless an administrator moved them. */
  readonly adoptedKeys: readonly OnlineKey[];
  readonly changefeed: Commit['changefeed'];
  /**
   * SHA-256 of the other server's timestamp that is current here, where both are to be one: the collection has then not gone
   * its own way here, though this server may sign for it.
   */
  readonly supersedes?: string;
}

/** A role of a history, and what is wrong with it. */
export interface Flawed {
  readonly role: string;
  readonly version?: number;
  readonly why: CountersignError;
}

export interface TakenOver {
  readonly gun: Gun;
  readonly format: FormatName;
  /** Version of every current role, by role name. */
  readonly versions: Readonly<Record<string, number>>;
  /** `signed-here`: this server signs from now on. `mirror`: it hands out what there is, until the timestamp expires. */
  readonly state: 'signed-here' | 'mirror';
  readonly timestampExpires: Instant;
  /** Delegated roles that readers do without, there as here. */
  readonly flawed: readonly Flawed[];
  /** All of it was here before; nothing was written. */
  readonly repeated: boolean;
}

/** An earlier version, and the stored file that lists the keys of its role: a root, or what delegates to it. */
export interface PastUpload extends HistoryFile {
  readonly version: number;
  readonly by: { readonly role: string; readonly version: number };
}

export interface PastRequest {
  readonly gun: Gun;
  /** Who vouches for others of them comes before those. */
  readonly files: readonly PastUpload[];
}

export interface AddedPast {
  /** How many were not here before. */
  readonly added: number;
  /** Those that were left out. */
  readonly refused: readonly Flawed[];
}

/** A file to serve, and how long what it is called means these bytes. */
export interface Served {
  readonly file: StoredFile;
  /** For good; for one life of the collection; until the next commit. */
  readonly lasts: 'immutable' | 'one-life' | 'current';
  /** What is current, but has expired: nobody could sign it anew. */
  readonly expired: boolean;
}

/** The versions a client holds; 0 for what it lacks. */
export interface HeldVersions {
  readonly root: number;
  readonly timestamp: number;
  readonly snapshot: number;
  readonly targets: number;
}

/** All top-level files a client lacks, in the order in which it verifies them. */
export interface Updates {
  readonly files: readonly StoredFile[];
  /** False where the root chain is longer than one answer takes: then it holds roots alone. */
  readonly complete: boolean;
}

/**
 * Everything the HTTP layer may ask of collections; no HTTP and no SQL behind it. All methods throw `CountersignError`.
 */
export interface Collections {
  publish(request: PublishRequest): Promise<Published>;
  /**
   * Makes a collection of another server's one of this one, or brings a mirror of it up to date.
   * @throws CountersignError `conflict` where it is published to here already, or what a client would refuse it with
   */
  takeOver(request: TakeOverRequest): Promise<TakenOver>;
  /** Adds earlier versions to a collection, each verified. @throws `not-found` */
  addPast(request: PastRequest): Promise<AddedPast>;
  /** The current timestamp; renewed first if it has expired and the signer answers, else served as it is. */
  timestamp(gun: Gun): Promise<Served>;
  /** A stored version. @throws `not-found` */
  version(gun: Gun, role: RoleName, version: Version): Promise<Served>;
  /** A stored file by the lower-case hex SHA-256 of its bytes, where the collection's format asks for files so. @throws `not-found` */
  byHash(gun: Gun, role: RoleName, sha256: string): Promise<Served>;
  /** The format of a collection; undefined where nothing is published. */
  formatOf(gun: Gun): Promise<FormatName | undefined>;
  /** Ends a collection's life; no error where there is none. Its keys stay, and so does its place in the changefeed. */
  remove(gun: Gun): Promise<void>;
  /** The changefeed: what was published and deleted, oldest first. */
  changes(asked: ChangesAsked): Promise<readonly Change[]>;
  /** The current file of a role: what the newest timestamp leads to. @throws `not-found` */
  current(gun: Gun, role: RoleName): Promise<Served>;
  /** All top-level files that a client with these versions lacks. @throws `not-found` */
  updates(gun: Gun, held: HeldVersions): Promise<Updates>;
  /** The public key object (in `format`'s JSON) of the online key to use for `role`; a key nobody used yet is given again. */
  onlineKey(gun: Gun, role: 'timestamp' | 'snapshot', format: FormatName): Promise<Uint8Array>;
  /** As `onlineKey`, but never a key the published root names already. */
  nextOnlineKey(gun: Gun, role: 'timestamp' | 'snapshot', format: FormatName): Promise<Uint8Array>;
  /** Stores a target file. @throws `arbitrary-software` if its SHA-256 is not `sha256`, `too-large`, `storage-full` */
  uploadTarget(request: {
    readonly gun: Gun;
    readonly sha256: string;
    readonly bytes: AsyncIterable<Uint8Array>;
  }): Promise<{ readonly length: number; readonly sha256: string }>;
  /** Whether this collection has the target file (and renews its lease). */
  hasTarget(gun: Gun, hash: string): Promise<{ readonly length: number } | undefined>;
  /** @throws `not-found` */
  openTarget(gun: Gun, hash: string): Promise<{ readonly length: number; readonly bytes: AsyncIterable<Uint8Array> }>;
  /** Renews everything that is due, a bounded number at a time; answers how many it renewed and how many it could not. */
  renewDue(): Promise<{ readonly renewed: number; readonly failed: number }>;
  /** Removes target files that nothing has named for the retention time, and orphaned bytes. */
  collectTargets(): Promise<{ readonly removed: number }>;
  /** Forgets online keys that nobody has used in time, here and in the signer. */
  forgetKeys(): Promise<{ readonly forgotten: number }>;
  /** Rejects with `unavailable` when the store does not answer. */
  health(): Promise<Health>;
}

export interface Health {
  readonly store: 'ok';
  readonly signer: 'ok' | 'down';
  /**
   * How long everything that was signed lasts, whether or not the signer comes back: the earliest expiry of a current
   * timestamp. Undefined where nothing is published.
   */
  readonly signedUntil: Instant | undefined;
}

/** How long what the server signs lasts, and after which time it is signed anew, long before; all in seconds. */
export interface OnlineLifetimes {
  readonly timestampValidity: number;
  readonly timestampSigningPeriod: number;
  readonly snapshotValidity: number;
  readonly snapshotSigningPeriod: number;
}

/** Lifetimes in seconds, sizes in bytes. */
export interface Policy extends OnlineLifetimes {
  /** Where a format's clients are used to others. */
  readonly byFormat: Readonly<Partial<Record<FormatName, OnlineLifetimes>>>;
  /** The furthest expiry accepted in an upload, from now. */
  readonly maxRootLifetime: number;
  readonly maxTargetsLifetime: number;
  readonly maxRoot: number;
  readonly maxTargets: number;
  readonly maxSnapshot: number;
  readonly maxRoles: number;
  /** Roles a snapshot may ever list, where none leaves it. */
  readonly maxSnapshotRoles: number;
  /** Bytes of all targets roles of a collection together. */
  readonly maxMetadata: number;
  /** Delegations in a collection: pairs of a delegator and a role. */
  readonly maxDelegations: number;
  /** Path patterns of one delegation. */
  readonly maxPatterns: number;
  /** What checking one publish may cost, in units of about a microsecond. */
  readonly maxPublishWork: number;
  readonly maxTargetFile: number;
  /** Bytes of uploaded target files per collection that no metadata names yet. */
  readonly maxUnnamedBytes: number;
  readonly targetRetention: number;
  readonly maxPendingKeys: number;
  /** How long a key that was asked for waits to be used. */
  readonly pendingKeyLifetime: number;
  readonly publishAttempts: number;
}

const DAY = 86_400;

/** Defaults are what stock TUF clients accept (root 512,000 bytes, targets 5,000,000, snapshot 2,000,000). */
export const DEFAULT_POLICY = {
  timestampValidity: 7 * DAY,
  timestampSigningPeriod: DAY,
  snapshotValidity: 30 * DAY,
  snapshotSigningPeriod: 7 * DAY,
  byFormat: {
    'notary-1': {
      timestampValidity: 14 * DAY,
      timestampSigningPeriod: 2 * DAY,
      snapshotValidity: 1095 * DAY,
      snapshotSigningPeriod: 180 * DAY,
    },
  },
  maxRootLifetime: 10 * 366 * DAY,
  maxTargetsLifetime: 3 * 366 * DAY,
  maxRoot: 512_000,
  maxTargets: 5_000_000,
  maxSnapshot: 2_000_000,
  maxRoles: 16_384,
  maxSnapshotRoles: 4_096,
  maxMetadata: 128 * 1024 * 1024,
  maxDelegations: 65_536,
  maxPatterns: 1_000,
  maxPublishWork: 20_000_000,
  maxTargetFile: 4 * 1024 ** 3,
  maxUnnamedBytes: 16 * 1024 ** 3,
  targetRetention: 30 * DAY,
  maxPendingKeys: 1_000,
  pendingKeyLifetime: 7 * DAY,
  publishAttempts: 8,
} as const satisfies Policy;
