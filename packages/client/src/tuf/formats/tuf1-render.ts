import { hexEncode } from '../encoding.js';
import { CountersignError } from '../errors.js';
import type { JsonTree, JsonView } from '../json.js';
import type { Delegation, Delegations, Hashes, MetaFile, SuccinctRoles, TargetFile } from '../model.js';
import { carriedOver } from './fields.js';
import { listedRoles, memberOf, renderKeys, type Writing } from './render.js';
import { renderListedKey } from './tuf1-keys.js';

/** What a new document says of itself (§4.3); one that follows another keeps what that one says. */
const SPEC_VERSION = '1.0.34';

export const writing: Writing = {
  typeName: (type) => type,
  header: (follows) => ({ spec_version: follows?.get('spec_version') ?? SPEC_VERSION }),
  metaName: (role) => `${role}.json`,
  key: renderListedKey,
  metaFile,
  targetFile,
  delegations: (delegations, before) => delegations && renderDelegations(delegations, before),
};

function metaFile(file: MetaFile, before: JsonView | undefined): JsonTree {
  if (file.by !== 'version') throw new CountersignError('unsupported', 'TUF 1.0 lists metadata files by version');
  const hashes = file.hashes.size === 0 ? undefined : renderHashes(file.hashes);
  return carriedOver(before, { version: file.version, length: file.length, hashes });
}

function renderHashes(hashes: Hashes): JsonTree {
  return new Map(Array.from(hashes, ([algorithm, value]) => [algorithm, hexEncode(value)]));
}

function targetFile(file: TargetFile, before: JsonView | undefined): JsonTree {
  return carriedOver(before, { length: file.length, hashes: renderHashes(file.hashes), custom: file.custom });
}

function renderDelegations(delegations: Delegations, before: JsonView | undefined): JsonTree {
  const listed = listedRoles(before);
  const { succinct } = delegations;
  return carriedOver(before, {
    keys: renderKeys(delegations.keys, writing),
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
