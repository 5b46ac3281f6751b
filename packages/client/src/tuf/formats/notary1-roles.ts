import type { JsonObject, JsonView } from '../json.js';
import type { Delegation, Delegations, PathSet, PublicKey, Root, Targets } from '../model.js';
import { NAME_LIMITS, parseKeyId, parseRoleName, TARGETS, type KeyId, type RoleName } from '../names.js';
import type { ParseLimits } from './format.js';
import { arrayAt, distinct, integerAt, malformed, objectAt, readFrom, textAt, textsAt, tooMany } from './fields.js';
import { parseKeyTable } from './key-material.js';
import { ifAny, members, structAt } from './notary1-fields.js';
import { parseKeyObject } from './notary1-keys.js';
import { topLevelRoles } from './top-level.js';

const ROLE = members('keyids', 'threshold');
const DELEGATION = members('keyids', 'name', 'paths', 'threshold');
const DELEGATIONS = members('keys', 'roles');

type Keys = ReadonlyMap<KeyId, PublicKey>;

/** A table of keys; `null` or nothing where Go has none. */
export function parseKeys(view: JsonView | undefined, where: string, limits: ParseLimits): Keys {
  return ifAny(view) === undefined ? new Map() : parseKeyTable(view, where, limits.keys, parseKeyObject);
}

/** Who may sign, and how many of them must. Every id has a key; one that is listed twice is one id. No ids at all can be. */
function parseSigners(
  object: JsonObject,
  keys: Keys,
  where: string,
  limits: ParseLimits,
): { readonly keyIds: readonly KeyId[]; readonly threshold: number } {
  const ids = ifAny(object.get('keyids'));
  const list = ids === undefined ? [] : arrayAt(ids, `the keyids of ${where}`).items();
  if (list.length > limits.keys) tooMany(`the keyids of ${where}`, limits.keys);
  const keyIds = new Set(list.map((item) => parseKeyId(textAt(item, `a key id of ${where}`))));
  for (const id of keyIds) if (!keys.has(id)) malformed(where, `names the key ${id.slice(0, 64)}, which is not listed`);
  return {
    keyIds: Object.freeze([...keyIds]),
    threshold: integerAt(object.get('threshold'), 1, `the threshold of ${where}`),
  };
}

export function parseRootRoles(view: JsonView | undefined, keys: Keys, limits: ParseLimits): Root['roles'] {
  const roles = objectAt(view, 'roles');
  return topLevelRoles((name) => {
    const object = structAt(roles.get(name), ROLE, `role ${name}`);
    return readFrom(object, { name, ...parseSigners(object, keys, `role ${name}`, limits) });
  });
}

/** `delegations` of a targets role, whose parts Go leaves out or writes as `null` where they are empty. */
export function parseDelegations(view: JsonView | undefined, limits: ParseLimits): Delegations | undefined {
  if (ifAny(view) === undefined) return undefined;
  const object = structAt(view, DELEGATIONS, 'delegations');
  const keys = parseKeys(object.get('keys'), 'the keys of delegations', limits);
  const roles = ifAny(object.get('roles'));
  const list = roles === undefined ? [] : arrayAt(roles, 'the roles of delegations').items();
  if (list.length > limits.delegations) tooMany('the roles of delegations', limits.delegations);
  if (list.length === 0 && keys.size === 0) return undefined;
  const delegated = list.map((item) => parseDelegation(structAt(item, DELEGATION, 'a delegated role'), keys, limits));
  distinct(
    delegated.map((role) => role.name),
    'the roles of delegations',
  );
  return readFrom(object, { keys, roles: Object.freeze(delegated) });
}

function parseDelegation(object: JsonObject, keys: Keys, limits: ParseLimits): Delegation {
  const name = parseRoleName(textAt(object.get('name'), 'the name of a delegated role'));
  const where = `the delegated role ${JSON.stringify(name.slice(0, 100))}`;
  if (!isDelegationName(name)) return malformed(where, 'is not named like targets/team/release');
  return readFrom(object, {
    name,
    ...parseSigners(object, keys, where, limits),
    paths: parsePaths(object, where),
    terminating: false,
  });
}

/** Plain prefixes; an empty one covers everything, and where there is none at all nothing is covered. */
function parsePaths(object: JsonObject, where: string): PathSet {
  const paths = ifAny(object.get('paths'));
  return Object.freeze({ kind: 'prefixes', prefixes: paths === undefined ? [] : textsAt(paths, `paths of ${where}`) });
}

/** `targets/` and more segments of lower-case letters, digits, `-` and `_`, under 256 bytes in all (Notary v1, model). */
export function isDelegationName(name: string): boolean {
  return name.length <= NAME_LIMITS.role && /^targets(?:\/[-a-z0-9_]+)+$/u.test(name);
}

/** A role delegates to its direct children, whose names say so, and to nobody else (Notary v1, targets). */
export function misplaced(role: RoleName, { delegations }: Targets): string | undefined {
  if (role !== TARGETS && !isDelegationName(role)) return 'it is not named like a targets role';
  const stray = delegations?.roles.find(({ name }) => name.slice(0, name.lastIndexOf('/')) !== role);
  return stray && `it delegates to ${stray.name}, which is not directly below it`;
}
