import {
  CountersignError,
  digest,
  hasCode,
  hexEncode,
  ROOT,
  TIMESTAMP,
  type Envelope,
  type Gun,
  type KeyId,
  type Root,
} from '@countersign/client/tuf';
import type { CollectionContext } from './context.js';
import type { OnlineKey } from './ports.js';

/** A key of ours as a root lists it. */
export interface ListedOnlineKey {
  readonly keyId: KeyId;
  /** The signer's id. */
  readonly id: string;
  readonly scheme: OnlineKey['algorithm'];
}

/** Which keys of a root's online roles this server holds. `snapshot` is empty where the publisher signs snapshots. */
export interface OnlineRoles {
  readonly timestamp: readonly ListedOnlineKey[];
  readonly snapshot: readonly ListedOnlineKey[];
}

/**
 * Each key is a signature more in the file all clients fetch all the time, which stock clients read up to 16,384 bytes of,
 * and one more the signer verifies each time a snapshot follows another.
 */
const MOST_KEYS = 8;

/** @throws CountersignError `too-many` for a root that is new and lists more keys of ours for a role than it could need */
export function checkOnlineCount(keys: OnlineRoles): void {
  for (const role of ['timestamp', 'snapshot'] as const) {
    if (keys[role].length <= MOST_KEYS) continue;
    throw new CountersignError(
      'too-many',
      `root lists ${keys[role].length} ${role} keys of this server; it takes at most ${MOST_KEYS}`,
      { detail: { role, limit: MOST_KEYS }, next: `List one ${role} key: all of them are held by one signer.` },
    );
  }
}

export function signerKeyId(context: Pick<CollectionContext, 'crypto'>, spki: Uint8Array): string {
  return hexEncode(digest(context.crypto, 'sha256', spki));
}

/** By collection too: the same root may be mirrored under another name, for which none of its keys were made. */
const known = new WeakMap<Envelope<Root>, Map<Gun, OnlineRoles>>();

/**
 * The online keys of a root. Every timestamp key must be one of ours, made for this collection and role; the snapshot keys
 * all or none.
 * @throws CountersignError `wrong-key`
 */
export async function onlineRoles(context: CollectionContext, gun: Gun, root: Envelope<Root>): Promise<OnlineRoles> {
  const ofRoot = known.get(root) ?? new Map<Gun, OnlineRoles>();
  known.set(root, ofRoot);
  let roles = ofRoot.get(gun);
  if (roles === undefined) {
    const [timestamp, snapshot] = await Promise.all([
      context.store.onlineKeys(gun, 'timestamp'),
      context.store.onlineKeys(gun, 'snapshot'),
    ]);
    roles = {
      timestamp: owned(context, root, 'timestamp', timestamp),
      snapshot: owned(context, root, 'snapshot', snapshot),
    };
    ofRoot.set(gun, roles);
  }
  return roles;
}

/**
 * The online keys of a published root, or undefined for one that names a timestamp key of another server: of a collection that
 * was taken over as it was, and is a read-only mirror here until a root of its owner names ours.
 * @throws CountersignError `wrong-key` as `onlineRoles`
 */
export async function unlessMirror(
  context: CollectionContext,
  gun: Gun,
  root: Envelope<Root>,
): Promise<OnlineRoles | undefined> {
  try {
    return await onlineRoles(context, gun, root);
  } catch (error) {
    if (hasCode(error, 'wrong-key') && error.detail.role === TIMESTAMP) return undefined;
    throw error;
  }
}

function owned(
  context: CollectionContext,
  root: Envelope<Root>,
  role: 'timestamp' | 'snapshot',
  ours: readonly OnlineKey[],
): readonly ListedOnlineKey[] {
  const byId = new Map(ours.map((key) => [key.id, key]));
  const listed: ListedOnlineKey[] = [];
  const foreign: KeyId[] = [];
  for (const keyId of root.signed.roles[role].keyIds) {
    const key = root.signed.keys.get(keyId);
    const own = key === undefined ? undefined : byId.get(signerKeyId(context, key.spki));
    if (own === undefined) foreign.push(keyId);
    else listed.push({ keyId, id: own.id, scheme: own.algorithm });
  }
  if (foreign.length > 0 && (role === 'timestamp' || listed.length > 0))
    throw strange(role, foreign, root.signed.version);
  const { threshold } = root.signed.roles[role];
  if (foreign.length === 0 && threshold > listed.length) {
    throw new CountersignError(
      'threshold',
      `root version ${root.signed.version} asks for ${threshold} ${role} signatures, and lists ${listed.length} keys`,
      { detail: { role } },
    );
  }
  return listed;
}

/** Keys of an uploaded root that were given out, and forgotten before the root was published. */
export function forgotten(ids: readonly string[]): CountersignError {
  return new CountersignError(
    'wrong-key',
    `the root lists online keys that this server has forgotten, since nobody used them in time: ${ids.join(', ')}`,
    {
      detail: { role: ROOT, keys: [...ids] },
      next: 'Ask the server for its keys again (GET …/timestamp.key, …/snapshot.key), list those, and publish again.',
    },
  );
}

function strange(role: string, keyIds: readonly KeyId[], version: number): CountersignError {
  return new CountersignError(
    'wrong-key',
    `root version ${version} lists a ${role} key this server does not hold for the collection: ${keyIds.join(', ')}`,
    {
      detail: { role, version, keys: keyIds.map(String) },
      next: `Ask the server for its ${role} key (GET …/${role}.key) and list that one; one that was asked for long ago and never used is forgotten.`,
    },
  );
}
