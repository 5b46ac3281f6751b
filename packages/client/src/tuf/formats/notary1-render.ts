import { base64Encode } from '../encoding.js';
import { CountersignError } from '../errors.js';
import type { JsonTree, JsonView } from '../json.js';
import type { Delegation, Delegations, Hashes, MetaFile, TargetFile } from '../model.js';
import { carriedOver, sourceOf } from './fields.js';
import { typeName } from './notary1-fields.js';
import { renderListedKey } from './notary1-keys.js';
import { listedRoles, renderKeys, type Writing } from './render.js';

export const writing: Writing = {
  typeName,
  header: () => ({}),
  metaName: (role) => role,
  key: renderListedKey,
  metaFile,
  targetFile,
  delegations: renderDelegations,
};

/** An entry that was read is written as it was read: what other clients list of a role stays. */
function metaFile(file: MetaFile, before: JsonView | undefined): JsonTree {
  if (file.by !== 'hashes') throw new CountersignError('unsupported', 'Notary lists metadata files by their hashes');
  return sourceOf(file) ?? carriedOver(before, { length: file.length, hashes: renderHashes(file.hashes) });
}

function renderHashes(hashes: Hashes): JsonTree {
  return new Map(Array.from(hashes, ([algorithm, value]) => [algorithm, base64Encode(value)]));
}

function targetFile(file: TargetFile, before: JsonView | undefined): JsonTree {
  return carriedOver(before, { length: file.length, hashes: renderHashes(file.hashes), custom: file.custom });
}

function renderDelegations(delegations: Delegations | undefined, before: JsonView | undefined): JsonTree {
  if (delegations?.succinct !== undefined) {
    throw new CountersignError('unsupported', 'Notary cannot delegate to hash bins');
  }
  const listed = listedRoles(before);
  return carriedOver(before, {
    keys: renderKeys(delegations?.keys ?? new Map(), writing),
    roles: (delegations?.roles ?? []).map((role) => renderDelegation(role, listed)),
  });
}

function renderDelegation(role: Delegation, listed: ReadonlyMap<string, JsonView>): JsonTree {
  const { paths } = role;
  if (paths.kind !== 'prefixes' || role.terminating) {
    const how = role.terminating ? 'terminating' : `by ${paths.kind}`;
    throw new CountersignError('unsupported', `Notary cannot delegate to ${role.name} ${how}`, {
      next: 'Delegate by prefixes of target paths, not terminating.',
    });
  }
  return carriedOver(listed.get(role.name), {
    name: role.name,
    keyids: role.keyIds,
    threshold: role.threshold,
    paths: paths.prefixes.length === 0 ? undefined : paths.prefixes,
  });
}
