import { formatNamed, whoSigned, type Envelope, type Root } from '@countersign/client/tuf';
import { nodeCrypto } from '@countersign/client/node';
import { canonical, type RootDoc } from '../../simulator/documents.js';
import type { SimKey } from '../../simulator/keys.js';
import { RepositorySimulator } from '../../simulator/repository.js';

const format = formatNamed('tuf-1');
export interface Signature {
  readonly keyid: string;
  readonly sig: string;
}

/** A root whose root role has these keys, or is this. */
export function rootWith(keys: readonly SimKey[], role: object = {}): RootDoc {
  const root = structuredClone(new RepositorySimulator().root);
  for (const key of keys) root.keys[key.id] = key.json;
  root.roles['root'] = { keyids: keys.map(({ id }) => id), threshold: 1, ...role };
  return root;
}

export function fileOf(signed: unknown, signatures: readonly Signature[]): Uint8Array {
  return Buffer.from(JSON.stringify({ signatures, signed }));
}

export const by =
  (signed: unknown) =>
  (key: SimKey, sig = key.sign(canonical(signed))): Signature => ({ keyid: key.id, sig });

export async function signedBy({ signed }: Envelope<Root>, file: Envelope<unknown>): Promise<readonly string[]> {
  return (await whoSigned(signed.roles.root, signed.keys, file, nodeCrypto)).signedBy;
}

/** Who of the root's own keys has signed it, with these signatures. */
export async function count(root: RootDoc, signatures: readonly Signature[]): Promise<readonly string[]> {
  const file = format.parseRoot(fileOf(root, signatures));
  return signedBy(file, file);
}
