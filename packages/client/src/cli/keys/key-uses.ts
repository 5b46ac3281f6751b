import type { StoredKey } from '../../node/key-store.js';
import type { Home } from '../../node/home.js';
import { hexEncode } from '../../tuf/encoding.js';
import { knownRoles, publicKeys } from './known-roles.js';

/** What a key signs, as last seen of the collections known here. */
export interface KeyUse {
  readonly name: string;
  readonly role: string;
}

export function words({ name, role }: KeyUse): string {
  return `${role} of ${name}`;
}

/** By key material: documents list a key under other ids and schemes than ours. */
export async function usesOf(home: Home, own: readonly StoredKey[]): Promise<ReadonlyMap<string, readonly KeyUse[]>> {
  const uses = new Map(own.map(({ key }): [string, KeyUse[]] => [hexEncode(key.spki), []]));
  for (const gun of await home.collections()) {
    for (const role of await knownRoles(home.collection(gun))) {
      for (const { spki } of publicKeys(role)) {
        const its = uses.get(hexEncode(spki));
        if (its?.some((use) => use.name === gun && use.role === role.name) === false)
          its.push({ name: gun, role: role.name });
      }
    }
  }
  return new Map(own.map(({ id, key }) => [id, uses.get(hexEncode(key.spki)) ?? []]));
}
