import { hexEncode } from '../encoding.js';
import type { Envelope } from '../envelope.js';
import { CountersignError } from '../errors.js';
import { encodeCanonical, type JsonObject, type JsonTree, type JsonView } from '../json.js';
import { formatInstant, type Instant, type KeyId, type Version } from '../names.js';
import type {
  Delegation,
  Delegations,
  Hashes,
  MetaFile,
  PublicKey,
  Role,
  Root,
  Snapshot,
  SuccinctRoles,
  TargetFile,
  Targets,
  Timestamp,
} from '../model.js';
import type { NextRoot, NextSnapshot, NextTargets, NextTimestamp } from './format.js';
import { carriedOver, sourceOf } from './tuf1-fields.js';
import { renderListedKey } from './tuf1-keys.js';

/** What a new document says of itself (§4.3); one that follows another keeps what that one says. */
const SPEC_VERSION = '1.0.34';

type Known = Readonly<Record<string, JsonTree | undefined>>;

function renderSigned(
  type: string,
  next: { readonly version: Version; readonly expires: Instant },
  follows: JsonObject | undefined,
  known: Known,
): Uint8Array {
  return encodeCanonical(
    carriedOver(follows, {
      _type: type,
      spec_version: follows?.get('spec_version') ?? SPEC_VERSION,
      version: next.version,
      expires: formatInstant(next.expires),
      ...known,
    }),
  );
}

export function renderRoot(next: NextRoot, follows?: Envelope<Root>): Uint8Array {
  const before = sourceOf(follows?.signed);
  const roles = memberOf(before, 'roles');
  return renderSigned('root', next, before, {
    consistent_snapshot: next.consistentSnapshot,
    keys: renderKeys(next.keys),
    roles: carriedOver(roles, {
      root: renderRole(next.roles.root, roles),
      timestamp: renderRole(next.roles.timestamp, roles),
      snapshot: renderRole(next.roles.snapshot, roles),
      targets: renderRole(next.roles.targets, roles),
    }),
  });
}

export function renderTimestamp(next: NextTimestamp, follows?: Envelope<Timestamp>): Uint8Array {
  const before = sourceOf(follows?.signed);
  const entry = renderMetaFile(next.snapshot, memberOf(memberOf(before, 'meta'), 'snapshot.json'));
  return renderSigned('timestamp', next, before, { meta: { 'snapshot.json': entry } });
}

export function renderSnapshot(next: NextSnapshot, follows?: Envelope<Snapshot>): Uint8Array {
  const before = sourceOf(follows?.signed);
  const listed = memberOf(before, 'meta');
  const meta = new Map<string, JsonTree>();
  for (const [role, file] of next.meta)
    meta.set(`${role}.json`, renderMetaFile(file, memberOf(listed, `${role}.json`)));
  return renderSigned('snapshot', next, before, { meta });
}

export function renderTargets(next: NextTargets, follows?: Envelope<Targets>): Uint8Array {
  const before = sourceOf(follows?.signed);
  const listed = memberOf(before, 'targets');
  const targets = new Map<string, JsonTree>();
  // An entry that was read is written as it was read; only a new one takes over what its predecessor says beside.
  for (const [path, file] of next.targets) {
    targets.set(path, sourceOf(file) ?? renderTargetFile(file, memberOf(listed, path)));
  }
  const delegations = next.delegations && renderDelegations(next.delegations, memberOf(before, 'delegations'));
  return renderSigned('targets', next, before, { targets, delegations });
}

function memberOf(view: JsonView | undefined, name: string): JsonView | undefined {
  return view?.kind === 'object' ? view.get(name) : undefined;
}

function renderKeys(keys: ReadonlyMap<KeyId, PublicKey>): JsonTree {
  return new Map(Array.from(keys, ([id, key]) => [id, renderListedKey(key)]));
}

function renderRole(role: Role, before: JsonView | undefined): JsonTree {
  return carriedOver(memberOf(before, role.name), { keyids: role.keyIds, threshold: role.threshold });
}

function renderMetaFile(file: MetaFile, before: JsonView | undefined): JsonTree {
  if (file.by !== 'version') throw new CountersignError('unsupported', 'TUF 1.0 lists metadata files by version');
  const hashes = file.hashes.size === 0 ? undefined : renderHashes(file.hashes);
  return carriedOver(before, { version: file.version, length: file.length, hashes });
}

function renderHashes(hashes: Hashes): JsonTree {
  return new Map(Array.from(hashes, ([algorithm, value]) => [algorithm, hexEncode(value)]));
}

function renderTargetFile(file: TargetFile, before: JsonView | undefined): JsonTree {
  return carriedOver(before, { length: file.length, hashes: renderHashes(file.hashes), custom: file.custom });
}

function renderDelegations(delegations: Delegations, before: JsonView | undefined): JsonTree {
  const listed = new Map<string, JsonView>();
  const roles = memberOf(before, 'roles');
  for (const role of roles?.kind === 'array' ? roles.items() : []) {
    const name = memberOf(role, 'name');
    if (name?.kind === 'string') listed.set(name.value, role);
  }
  const { succinct } = delegations;
  return carriedOver(before, {
    keys: renderKeys(delegations.keys),
    roles: succinct === undefined ? delegations.roles.map((role) => renderDelegation(role, listed)) : undefined,
    succinct_roles: succinct && renderSuccinct(succinct, memberOf(before, 'succinct_roles')),
  });
}

function renderDelegation(role: Delegation, listed: ReadonlyMap<string, JsonView>): JsonTree {
  const { paths } = role;
  if (paths.kind !== 'globs' && paths.kind !== 'hash-prefixes') {
    throw new CountersignError('unsupported', `TUF 1.0 cannot delegate to ${role.name} by ${paths.kind}`);
  }
  return carriedOver(listed.get(role.name), {
    name: role.name,
    keyids: role.keyIds,
    threshold: role.threshold,
    terminating: role.terminating,
    paths: paths.kind === 'globs' ? paths.patterns : undefined,
    path_hash_prefixes: paths.kind === 'hash-prefixes' ? paths.prefixes : undefined,
  });
}

function renderSuccinct(succinct: SuccinctRoles, before: JsonView | undefined): JsonTree {
  return carriedOver(before, {
    keyids: succinct.keyIds,
    threshold: succinct.threshold,
    bit_length: succinct.bitLength,
    name_prefix: succinct.namePrefix,
  });
}
