import type { Envelope } from './envelope.js';
import type { BareKey, Format, NextRoot, NextTargets } from './formats/format.js';
import { digest, type Crypto } from './crypto.js';
import type {
  Delegations,
  MetaFile,
  PublicKey,
  Role,
  Root,
  Snapshot,
  TargetFile,
  Targets,
  Timestamp,
  Hashes,
} from './model.js';
import {
  ROOT,
  SNAPSHOT,
  TARGETS,
  TIMESTAMP,
  type Instant,
  type KeyId,
  type RoleName,
  type TopLevelRole,
  type Version,
} from './names.js';

/** What a snapshot or timestamp of ours promises of `raw`; without a version there is always a hash. */
export function promiseOf(
  format: Pick<Format, 'rules'>,
  raw: Uint8Array,
  version: Version,
  crypto: Pick<Crypto, 'hash'>,
  hashed: 'with-hash' | 'length-only',
): MetaFile {
  if (format.rules.promises === 'hashes') return { by: 'hashes', length: raw.length, hashes: digests(raw, crypto) };
  const hashes: Hashes = hashed === 'with-hash' ? new Map([['sha256', digest(crypto, 'sha256', raw)]]) : new Map();
  return { by: 'version', version, length: raw.length, hashes };
}

/** Both, as Notary's own server writes them. */
function digests(raw: Uint8Array, crypto: Pick<Crypto, 'hash'>): Hashes {
  return new Map([
    ['sha256', digest(crypto, 'sha256', raw)],
    ['sha512', digest(crypto, 'sha512', raw)],
  ]);
}

/** A snapshot's entries with `changes` laid over those of the one it follows. */
export function nextMeta(
  follows: Snapshot | undefined,
  changes: ReadonlyMap<RoleName, MetaFile>,
): ReadonlyMap<RoleName, MetaFile> {
  const meta = new Map<RoleName, MetaFile>(follows?.meta ?? []);
  for (const [role, promise] of changes) meta.set(role, promise);
  return meta;
}

export function nextVersion(follows: Envelope<{ readonly version: Version }> | undefined): Version {
  return ((follows?.signed.version ?? 0) + 1) as Version;
}

/** `signed` bytes of a snapshot. */
export function composeSnapshot(
  format: Format,
  next: { version: Version; expires: Instant; meta: ReadonlyMap<RoleName, MetaFile> },
  follows?: Envelope<Snapshot>,
): Uint8Array {
  return format.renderSnapshot(next, follows);
}

/** `signed` bytes of a timestamp. */
export function composeTimestamp(
  format: Format,
  next: { version: Version; expires: Instant; snapshot: MetaFile },
  follows?: Envelope<Timestamp>,
): Uint8Array {
  return format.renderTimestamp(next, follows);
}

/** Edits to a targets role, each a whole replacement; order does not matter. */
export interface TargetsEdit {
  readonly set?: ReadonlyMap<string, TargetFile>;
  readonly remove?: ReadonlySet<string>;
  readonly delegations?: Delegations;
}

/** `signed` bytes of the next version of a targets role, or of its first: 1, or one `above` what cannot be followed. */
export function composeTargets(
  format: Format,
  edit: TargetsEdit,
  expires: Instant,
  follows?: Envelope<Targets>,
  above: number = follows?.signed.version ?? 0,
): Uint8Array {
  const targets = new Map<string, TargetFile>();
  for (const [path, file] of follows?.signed.targets ?? [])
    if (edit.remove?.has(path) !== true) targets.set(path, file);
  for (const [path, file] of edit.set ?? []) targets.set(path, file);
  const next: NextTargets = {
    version: (above + 1) as Version,
    expires,
    targets,
    delegations: edit.delegations ?? follows?.signed.delegations,
  };
  return format.renderTargets(next, follows);
}

/** Keys a role is to have from now on. A key that a document lists already stays as it is listed there, id and all. */
export interface RoleKeys {
  readonly keys: readonly (BareKey | PublicKey)[];
  readonly threshold: number;
}

/** A key as `format` lists it, under the id it must have. */
export function publicKeyOf(format: Format, key: BareKey, crypto: Pick<Crypto, 'hash'>): PublicKey {
  return format.parseKey(format.renderKey(key), crypto);
}

/**
 * `signed` bytes of the next root: the roles in `change` get new keys; keys no role uses any more go, but for root keys where
 * the format keeps those.
 */
export function composeRoot(
  format: Format,
  change: Readonly<Partial<Record<TopLevelRole, RoleKeys>>>,
  expires: Instant,
  crypto: Pick<Crypto, 'hash'>,
  follows?: Envelope<Root>,
): Uint8Array {
  const keys = format.rules.formerRootKeys === 'kept' ? rootKeysOf(follows?.signed) : new Map<KeyId, PublicKey>();
  const role = (name: RoleName & string, top: TopLevelRole): Role => {
    const wanted = change[top];
    if (wanted === undefined) {
      const old = follows?.signed.roles[top];
      if (old === undefined || follows === undefined) return { name, keyIds: [], threshold: 1 };
      for (const id of old.keyIds) {
        const key = follows.signed.keys.get(id);
        if (key !== undefined) keys.set(id, key);
      }
      return old;
    }
    const listed = wanted.keys.map((key) => ('id' in key ? key : publicKeyOf(format, key, crypto)));
    for (const key of listed) keys.set(key.id, key);
    return { name, keyIds: listed.map((key) => key.id), threshold: wanted.threshold };
  };
  const roles: Root['roles'] = {
    root: role(ROOT, 'root'),
    timestamp: role(TIMESTAMP, 'timestamp'),
    snapshot: role(SNAPSHOT, 'snapshot'),
    targets: role(TARGETS, 'targets'),
  };
  const next: NextRoot = {
    version: nextVersion(follows),
    expires,
    consistentSnapshot: follows?.signed.consistentSnapshot ?? format.rules.addressing === 'version',
    keys,
    roles,
  };
  return format.renderRoot(next, follows);
}

/** The keys of a root that sign for it, or did: those that no other role has. */
function rootKeysOf(root: Root | undefined): Map<KeyId, PublicKey> {
  if (root === undefined) return new Map();
  const { timestamp, snapshot, targets } = root.roles;
  const others = new Set([timestamp, snapshot, targets].flatMap(({ keyIds }) => keyIds));
  return new Map([...root.keys].filter(([id]) => !others.has(id)));
}
