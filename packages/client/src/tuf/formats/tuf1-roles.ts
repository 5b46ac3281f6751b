import type { JsonObject, JsonView } from '../json.js';
import { isTopLevel, parseKeyId, parseRoleName, type KeyId } from '../names.js';
import type { Delegation, Delegations, PathSet, Root, SuccinctRoles } from '../model.js';
import type { ParseLimits } from './format.js';
import {
  arrayAt,
  booleanAt,
  distinct,
  integerAt,
  malformed,
  objectAt,
  readFrom,
  textAt,
  textsAt,
  tooMany,
} from './fields.js';
import { parseKeyTable } from './key-material.js';
import { topLevelRoles } from './top-level.js';
import { parseKeyObject } from './tuf1-keys.js';

/** Who may sign, and how many of them must; ids without a key are fine (K4), the same id twice is not (K3). */
function parseSigners(
  object: JsonObject,
  where: string,
  limits: ParseLimits,
): { readonly keyIds: readonly KeyId[]; readonly threshold: number } {
  const list = arrayAt(object.get('keyids'), `the keyids of ${where}`).items();
  if (list.length > limits.keys) tooMany(`the keyids of ${where}`, limits.keys);
  const keyIds = list.map((item) => parseKeyId(textAt(item, `a key id of ${where}`)));
  return {
    keyIds: Object.freeze(distinct(keyIds, `the keyids of ${where}`)),
    threshold: integerAt(object.get('threshold'), 1, `the threshold of ${where}`),
  };
}

export function parseRootRoles(view: JsonView | undefined, limits: ParseLimits): Root['roles'] {
  const roles = objectAt(view, 'roles');
  return topLevelRoles((name) => {
    const object = objectAt(roles.get(name), `role ${name}`);
    return readFrom(object, { name, ...parseSigners(object, `role ${name}`, limits) });
  });
}

/** `delegations` of a targets role: keys, and either `roles` or `succinct_roles` (TAP 15). */
export function parseDelegations(view: JsonView, limits: ParseLimits): Delegations {
  const object = objectAt(view, 'delegations');
  const keys = parseKeyTable(object.get('keys'), 'the keys of delegations', limits.keys, parseKeyObject);
  const [roles, succinct] = [object.get('roles'), object.get('succinct_roles')];
  if ((roles === undefined) === (succinct === undefined)) {
    return malformed('delegations', 'must have either roles or succinct_roles');
  }
  if (succinct !== undefined) {
    return readFrom(object, { keys, roles: Object.freeze([]), succinct: parseSuccinct(succinct, limits) });
  }
  const list = arrayAt(roles, 'the roles of delegations').items();
  if (list.length > limits.delegations) tooMany('the roles of delegations', limits.delegations);
  const delegated = list.map((item) => parseDelegation(objectAt(item, 'a delegated role'), limits));
  const names = delegated.map((role) => role.name);
  distinct(names, 'the roles of delegations');
  return readFrom(object, { keys, roles: Object.freeze(delegated) });
}

function parseDelegation(object: JsonObject, limits: ParseLimits): Delegation {
  const name = parseRoleName(textAt(object.get('name'), 'the name of a delegated role'));
  const where = `the delegated role ${JSON.stringify(name.slice(0, 100))}`;
  if (isTopLevel(name)) return malformed(where, 'has the name of a top-level role');
  return readFrom(object, {
    name,
    ...parseSigners(object, where, limits),
    paths: parsePaths(object, where),
    terminating: booleanAt(object.get('terminating'), `terminating of ${where}`),
  });
}

/** Exactly one of `paths` and `path_hash_prefixes` (W7.7). */
function parsePaths(object: JsonObject, where: string): PathSet {
  const [paths, prefixes] = [object.get('paths'), object.get('path_hash_prefixes')];
  if ((paths === undefined) === (prefixes === undefined)) {
    return malformed(where, 'must have either paths or path_hash_prefixes');
  }
  return Object.freeze(
    paths === undefined
      ? { kind: 'hash-prefixes', prefixes: textsAt(prefixes, `path_hash_prefixes of ${where}`) }
      : { kind: 'globs', patterns: textsAt(paths, `paths of ${where}`) },
  );
}

function parseSuccinct(view: JsonView, limits: ParseLimits): SuccinctRoles {
  const object = objectAt(view, 'succinct_roles');
  const bitLength = integerAt(object.get('bit_length'), 1, 'bit_length of succinct_roles');
  if (bitLength > 32) return malformed('bit_length of succinct_roles', 'is above 32');
  const namePrefix = textAt(object.get('name_prefix'), 'name_prefix of succinct_roles');
  if (namePrefix === '') return malformed('name_prefix of succinct_roles', 'is empty');
  return readFrom(object, { ...parseSigners(object, 'succinct_roles', limits), bitLength, namePrefix });
}
