import type { StoredKey } from '../node/key-store.js';
import { knownRoles, publicKeys } from './known-roles.js';
import type { Session } from './session.js';

/** What a key signs, as last seen of the collections known here. */
export interface KeyUse {
  readonly name: string;
  readonly role: string;
}

export function words({ name, role }: KeyUse): string {
  return `${role} of ${name}`;
}

export async function usesOf(
  { home, format, crypto }: Session,
  own: readonly StoredKey[],
): Promise<ReadonlyMap<string, KeyUse[]>> {
  const uses = new Map(own.map(({ id }): [string, KeyUse[]] => [id, []]));
  for (const gun of await home.collections()) {
    for (const role of await knownRoles(home.collection(gun))) {
      for (const { scheme, spki } of publicKeys(role)) {
        const its = scheme === undefined ? undefined : uses.get(format.keyId({ scheme, spki }, crypto));
        if (its?.some((use) => use.name === gun && use.role === role.name) === false)
          its.push({ name: gun, role: role.name });
      }
    }
  }
  return uses;
}
