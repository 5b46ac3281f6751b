import type { Crypto } from '../crypto.js';
import type { Envelope } from '../envelope.js';
import type { Instant, Gun, KeyId, RoleName, Version } from '../names.js';
import type {
  Delegations,
  Hashes,
  KeyScheme,
  MetaFile,
  PublicKey,
  Role,
  Root,
  Signature,
  Snapshot,
  TargetFile,
  Targets,
  Timestamp,
} from '../model.js';

export type FormatName = 'tuf-1' | 'notary-1';

/** What one file may not exceed. All in bytes but for the counts. */
export interface ParseLimits {
  readonly bytes: number;
  readonly depth: number;
  readonly signatures: number;
  readonly keys: number;
  readonly delegations: number;
}

/** Real differences between the formats, as data; the core asks these and never for the format's name. */
export interface Rules {
  /** What a snapshot or timestamp made here promises of a file: its version, or its hashes and no version. */
  readonly promises: MetaFile['by'];
  /** Roles may leave the snapshot, and its entries carry no continuity (Notary v1), or never (TUF 1.0). */
  readonly rolesMayLeaveSnapshot: boolean;
  /** An uploaded role is exactly current + 1 (`next`), or anything above current (`above`). */
  readonly uploadedVersion: 'next' | 'above';
  /** The highest version a first root may have: Notary's clients sign theirs again before they publish it. */
  readonly highestFirstRoot: 1 | 2;
  /** What targets may be called: paths, or anything at all. */
  readonly targetNames: 'paths' | 'any';
  /** A target outside the paths delegated to its role is refused, or taken and never found by anybody. */
  readonly strayTargets: 'refuse' | 'tolerate';
  /** The kind of key a server offers for the roles it signs. */
  readonly onlineKeys: 'ed25519' | 'ecdsa-p256-sha256';
  /** Whether a snapshot lists the root beside the targets roles. */
  readonly snapshotListsRoot: boolean;
  /** An upload without any file is a mistake, or what its clients send where they find nothing to change. */
  readonly emptyUpload: 'refuse' | 'accept';
  /** What becomes of versions when a deleted collection is made again: its clients expect 1, or nothing below what they saw. */
  readonly nextLife: 'restarts' | 'goes-on';
  /**
   * A role that a publish leaves unverifiable is refused (`refuse`), or skipped by its clients (`tolerate`): a search goes on
   * without a delegated role that was never published, has expired or carries too few signatures.
   */
  readonly unverifiableRole: 'refuse' | 'tolerate';
  /** How the four top-level files and delegated ones are asked for: by version or by the hash the parent names. */
  readonly addressing: 'version' | 'hash';
  /** The order in which delegated roles are asked for a target: a role's own delegations first, or level by level. */
  readonly search: 'depth-first' | 'breadth-first';
  /**
   * The root that a client without any begins with, where nothing names another: the first there was, or the current one,
   * since the certificates of older ones may have expired.
   */
  readonly firstRoot: 'first' | 'current';
  /** Bytes a timestamp may have. */
  readonly timestampBytes: number;
  /** Targets are files that the server of a collection hands out, or are kept elsewhere: images, by a registry. */
  readonly targetFiles: 'hosted' | 'elsewhere';
  /** The kind of key publishers make for it. */
  readonly publisherKeys: 'ed25519' | 'ecdsa-p256-sha256';
  /** Root keys are listed as certificates made out to the collection, or by themselves as others are. */
  readonly rootKeys: 'certificates' | 'bare';
  /** Whether a root goes on listing root keys that no role has any more: with them Notary's clients find who signed before. */
  readonly formerRootKeys: 'kept' | 'dropped';
  /** For how many days a publisher signs, unless told otherwise. */
  readonly lifetimes: { readonly root: number; readonly targets: number; readonly snapshot: number };
  /** How delegations say which targets they cover. */
  readonly delegationPaths: 'globs' | 'prefixes';
  /** What a delegated role may be called: anything, or the name of the role that delegates to it with a segment behind. */
  readonly delegatedNames: 'any' | 'below-delegator';
}

/** A key as the owner of its private half describes it, before any document lists it. */
export interface BareKey {
  readonly scheme: KeyScheme;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** DER, where the key is to be listed as certificates (Notary v1): its own first. */
  readonly certificates?: readonly Uint8Array[];
}

/** Plain members of a next document, from which a format renders its `signed` part. `keep` is the document it follows: unknown members are carried over. */
export interface NextRoot {
  readonly version: Version;
  readonly expires: Instant;
  readonly consistentSnapshot: boolean;
  readonly keys: ReadonlyMap<KeyId, PublicKey>;
  readonly roles: Root['roles'];
}
export interface NextTimestamp {
  readonly version: Version;
  readonly expires: Instant;
  readonly snapshot: MetaFile;
}
export interface NextSnapshot {
  readonly version: Version;
  readonly expires: Instant;
  readonly meta: ReadonlyMap<RoleName, MetaFile>;
}
export interface NextTargets {
  readonly version: Version;
  readonly expires: Instant;
  readonly targets: ReadonlyMap<string, TargetFile>;
  readonly delegations: Delegations | undefined;
}

/**
 * One wire form of TUF metadata. `parse*` is the gate: behind it there is one model. Every parse refuses (with `malformed`,
 * `too-many`, `endless-data` or `invalid-name`) what the format's clients would, and freezes what it returns.
 */
export interface Format {
  readonly name: FormatName;
  readonly rules: Rules;
  parseRoot(raw: Uint8Array, limits?: Partial<ParseLimits>): Envelope<Root>;
  parseTimestamp(raw: Uint8Array, limits?: Partial<ParseLimits>): Envelope<Timestamp>;
  parseSnapshot(raw: Uint8Array, limits?: Partial<ParseLimits>): Envelope<Snapshot>;
  parseTargets(raw: Uint8Array, limits?: Partial<ParseLimits>): Envelope<Targets>;
  /** A public key object as its own JSON text, e.g. the answer of the key endpoint. */
  parseKey(raw: Uint8Array, crypto: Pick<Crypto, 'hash'>): PublicKey;
  renderKey(key: BareKey): Uint8Array;
  /**
   * The id a key must have in this format, listed by itself or as its `certificates`. Of the `scheme` and `spki` alone of a
   * key that is listed as a certificate it is Notary's "canonical key id", under which the private half is kept.
   * @throws CountersignError `malformed` for a broken key, `unsupported` for a scheme the format has no word for
   */
  keyId(key: BareKey, crypto: Pick<Crypto, 'hash'>): KeyId;
  /** Ids in `keys` of a received document that are not their key's hash over the received key object (K6). */
  mislabelledKeys(document: Envelope<Root> | Envelope<Targets>, crypto: Pick<Crypto, 'hash'>): readonly KeyId[];
  /**
   * A way of writing that stock clients stumble over, or read otherwise, though it parses here (an expiry with a fraction
   * or offset, no `consistent_snapshot`, an unsigned file, a key of a kind only some know), in words; undefined where there
   * is none.
   */
  flaw(document: Envelope<Root> | Envelope<Targets> | Envelope<Snapshot>): string | undefined;
  /** Whether no role of the format is called so, though it is a name that others take. */
  misnamed(role: RoleName): boolean;
  /**
   * Why a targets document that parses can never be the one of `role`, in words; undefined where it can. A role's name is
   * nowhere in its document, so that parsing cannot tell.
   */
  misplaced(role: RoleName, document: Targets): string | undefined;
  /**
   * Why no client may be able to verify a document that was signed as well as its author knew: it is not written as it must
   * be signed, in words; undefined where it is.
   */
  doubt(document: Envelope<Root | Targets | Snapshot>): string | undefined;
  /** The canonical `signed` bytes of a new document; unknown members of `follows` are carried over. */
  renderRoot(next: NextRoot, follows?: Envelope<Root>): Uint8Array;
  renderTimestamp(next: NextTimestamp, follows?: Envelope<Timestamp>): Uint8Array;
  renderSnapshot(next: NextSnapshot, follows?: Envelope<Snapshot>): Uint8Array;
  renderTargets(next: NextTargets, follows?: Envelope<Targets>): Uint8Array;
  /** The file: `signedBytes` with `signatures`, ready to store, serve and hash. */
  assemble(signedBytes: Uint8Array, signatures: readonly Signature[]): Uint8Array;
  /** Which of a root's root keys may count towards its threshold (certificates may rule some out). */
  countingKeys(
    root: Root,
    context: { readonly gun: Gun | undefined; readonly now: Instant; readonly as: 'new' | 'previous' },
  ): Role;
  /** The name under which a repository serves a file; `entry` is what its parent says of it. */
  fileName(role: RoleName, entry: { readonly version?: Version; readonly hashes?: Hashes }): string;
}

export const DEFAULT_PARSE_LIMITS: ParseLimits = {
  bytes: 64 * 1024 * 1024,
  depth: 32,
  signatures: 256,
  keys: 4096,
  delegations: 65_536,
};
