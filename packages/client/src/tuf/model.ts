import type { Instant, KeyId, RoleName, TargetPath, TopLevelRole, Version } from './names.js';

/** Hash algorithms this build can check. */
export type HashAlgorithm = 'sha256' | 'sha512';

/**
 * How a key's signatures are checked. Which spelling a format uses for it is the format's business. RSA-PSS takes any length
 * of salt, but for `-salt32`, which takes 32 bytes and no other (Notary v1).
 */
export type KeyScheme =
  | 'ed25519'
  | 'ecdsa-p256-sha256'
  | 'ecdsa-p384-sha256'
  | 'ecdsa-p384-sha384'
  | 'ecdsa-p521-sha256'
  | 'ecdsa-p521-sha512'
  | 'rsa-pss-sha256'
  | 'rsa-pss-sha256-salt32'
  | 'rsa-pss-sha384'
  | 'rsa-pss-sha512'
  | 'rsa-pkcs1v15-sha256'
  | 'rsa-pkcs1v15-sha384'
  | 'rsa-pkcs1v15-sha512';

/**
 * A public key as one document lists it. `scheme` is undefined for a key type this build cannot use: it is kept, and never
 * verifies (K8). `identity` is equal for two entries exactly when they hold the same key material, whatever their ids (K2).
 */
export interface PublicKey {
  readonly id: KeyId;
  readonly scheme: KeyScheme | undefined;
  /** DER SubjectPublicKeyInfo; empty where `scheme` is undefined. */
  readonly spki: Uint8Array;
  readonly identity: string;
  /** The bytes whose SHA-256 is the id, where a format holds to that (Notary v1): under another id the key never verifies. */
  readonly idPreimage?: Uint8Array;
  /** DER, where the key was listed as certificates (Notary v1): its own first, then what was listed with it. */
  readonly certificates?: readonly Uint8Array[];
}

/** `value`: 64 raw bytes for Ed25519, ASN.1 DER for ECDSA, the plain octets for RSA; empty for "not signed yet". */
export interface Signature {
  readonly keyId: KeyId;
  readonly value: Uint8Array;
  /** Overrides the key's scheme, where a format states the method beside the signature; needed there to write it. */
  readonly scheme?: KeyScheme;
}

/** Which keys may sign for a role, and how many of them must (§4.3). Key ids are distinct; threshold is at least 1. */
export interface Role {
  readonly name: RoleName;
  readonly keyIds: readonly KeyId[];
  readonly threshold: number;
}

export interface Document {
  readonly version: Version;
  readonly expires: Instant;
}

export interface Root extends Document {
  readonly type: 'root';
  readonly consistentSnapshot: boolean;
  readonly keys: ReadonlyMap<KeyId, PublicKey>;
  readonly roles: Readonly<Record<TopLevelRole, Role>>;
}

/** What a parent document promises about a file: a version, or hashes, with whatever else it says. */
export type MetaFile =
  | { readonly by: 'version'; readonly version: Version; readonly length?: number; readonly hashes: Hashes }
  | { readonly by: 'hashes'; readonly length: number; readonly hashes: Hashes };

/** Digests by algorithm name, as listed. An algorithm we do not know is kept: it can only mismatch (W4.3). */
export type Hashes = ReadonlyMap<HashAlgorithm | (string & {}), Uint8Array>;

export interface Timestamp extends Document {
  readonly type: 'timestamp';
  readonly snapshot: MetaFile;
}

/** A look-up over a possibly very large table; entries are parsed when asked for. Iteration is in document order. */
export interface LookUp<K extends string, V> {
  readonly size: number;
  get(key: K): V | undefined;
  has(key: K): boolean;
  keys(): IterableIterator<K>;
  [Symbol.iterator](): IterableIterator<[K, V]>;
}

export interface Snapshot extends Document {
  readonly type: 'snapshot';
  /** By role name, not file name; in TUF 1.0 without `.json`. */
  readonly meta: LookUp<RoleName, MetaFile>;
}

export interface TargetFile {
  /** Bytes. */
  readonly length: number;
  readonly hashes: Hashes;
  /** The `custom` object as parsed JSON, untouched; undefined where there is none. */
  readonly custom?: JsonData;
}

/** JSON as a program sees it; integers beyond the safe range arrive as bigint, objects have no prototype. */
export type JsonData =
  null | boolean | number | bigint | string | readonly JsonData[] | { readonly [name: string]: JsonData };

/** Which target paths a delegation covers. */
export type PathSet =
  | { readonly kind: 'globs'; readonly patterns: readonly string[] }
  | { readonly kind: 'hash-prefixes'; readonly prefixes: readonly string[] }
  | { readonly kind: 'prefixes'; readonly prefixes: readonly string[] }
  | { readonly kind: 'bins'; readonly bitLength: number; readonly index: number };

export interface Delegation extends Role {
  readonly paths: PathSet;
  readonly terminating: boolean;
}

/** Succinct hash bins (TAP 15): `2^bitLength` roles named `namePrefix-<hex index>`, one role description for all. */
export interface SuccinctRoles {
  readonly keyIds: readonly KeyId[];
  readonly threshold: number;
  readonly bitLength: number;
  readonly namePrefix: string;
}

export interface Delegations {
  readonly keys: ReadonlyMap<KeyId, PublicKey>;
  readonly roles: readonly Delegation[];
  readonly succinct?: SuccinctRoles;
}

/** Top-level targets or a delegated targets role. */
export interface Targets extends Document {
  readonly type: 'targets';
  readonly targets: LookUp<TargetPath, TargetFile>;
  readonly delegations: Delegations | undefined;
}

export type AnyDocument = Root | Timestamp | Snapshot | Targets;
