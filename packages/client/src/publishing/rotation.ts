import type { Draft, DraftContext } from './draft.js';
import { keysOf, sign, type Authority } from './key-ring.js';
import { expiry } from './lifetimes.js';
import { findRole, rootAuthority } from './role-search.js';
import type { TrustedState } from '../reading/state.js';
import { composeRoot, composeTargets, publicKeyOf, type RoleKeys } from '../tuf/compose.js';
import type { Envelope } from '../tuf/envelope.js';
import { CountersignError } from '../tuf/errors.js';
import type { BareKey } from '../tuf/formats/format.js';
import type { PublicKey, Root } from '../tuf/model.js';
import { ROOT, TARGETS, type RoleName, type TopLevelRole } from '../tuf/names.js';
import type { KeySigner } from '../tuf/sign.js';

/**
 * A role and the key it is to have from now on. One whose private half is here takes the place of the keys of `root` or
 * `targets` that this person holds (of all, who holds none); of `snapshot` it is the only one, and the key ring must hold it.
 * The server's key is the only one of `timestamp` or `snapshot`.
 */
export type Rotation =
  | { readonly role: 'root' | 'targets' | 'snapshot'; readonly signer: KeySigner; readonly from: Envelope<Root> }
  | { readonly role: 'timestamp' | 'snapshot'; readonly key: PublicKey; readonly from: Envelope<Root> };

/**
 * A root that names the new key, signed by the old root keys and, where they change, the new ones; with new targets keys,
 * targets signed anew. Empty where the role has the key already.
 * @throws CountersignError `contradiction` where somebody else has rotated the same role since `from`, `missing-key`
 */
export async function draftRotation(context: DraftContext, state: TrustedState, rotation: Rotation): Promise<Draft> {
  const { format, crypto, lifetimes, now } = context;
  const { root } = state.trust.final;
  const bare: BareKey = 'signer' in rotation ? rotation.signer.key : usable(rotation.key);
  const added = publicKeyOf(format, bare, crypto);
  const listed = keysOf(rootAuthority(root.signed, rotation.role));
  // The same key in another certificate is another key to those who believe certificates.
  if (listed.some((key) => key.identity === added.identity && added.certificates === undefined)) return new Map();
  checkUntouched(root.signed, rotation);
  const change = { [rotation.role]: await nextKeys(context, root.signed, rotation, bare) };
  const signedBytes = composeRoot(format, change, expiry(now, lifetimes.root), crypto, root);
  const extra = 'signer' in rotation && rotation.role === 'root' ? [rotation.signer] : [];
  const raw = await sign(context, signedBytes, [rootAuthority(root.signed, 'root')], extra);
  const draft = new Map<RoleName, Uint8Array>([[ROOT, raw]]);
  if ('signer' in rotation && rotation.role === 'targets') {
    const next = format.parseRoot(raw).signed;
    draft.set(TARGETS, await resignTargets(context, state, rootAuthority(next, 'targets'), rotation.signer));
  }
  return draft;
}

async function resignTargets(
  context: DraftContext,
  state: TrustedState,
  authority: Authority,
  signer: KeySigner,
): Promise<Uint8Array> {
  const { format, lifetimes, now } = context;
  const { current } = await findRole(state, TARGETS);
  const bytes = composeTargets(format, {}, expiry(now, lifetimes.targets), current);
  // With a threshold above one the other holders' keys are needed too; with one, the new key is enough.
  return sign(context, bytes, authority.role.threshold > 1 ? [authority] : [], [signer]);
}

async function nextKeys(context: DraftContext, root: Root, { role }: Rotation, added: BareKey): Promise<RoleKeys> {
  if (role === 'timestamp' || role === 'snapshot') return { keys: [added], threshold: 1 };
  const authority = rootAuthority(root, role);
  const old = keysOf(authority);
  const mine = new Set((await context.ring.held(old)).map((key) => key.id));
  const kept = mine.size === 0 ? [] : old.filter((key) => !mine.has(key.id));
  const keys = [...kept, added];
  const { threshold } = authority.role;
  if (keys.length >= threshold) return { keys, threshold };
  throw new CountersignError(
    'usage',
    `${role} needs ${threshold} keys, and this rotation would leave it ${keys.length}`,
    {
      detail: { role, threshold },
      next: 'Rotate from a machine that holds fewer of its keys.',
    },
  );
}

function usable(key: PublicKey): BareKey {
  if (key.scheme !== undefined) return { scheme: key.scheme, spki: key.spki };
  throw new CountersignError('unsupported', `key ${key.id} is of a kind this version does not know`);
}

function checkUntouched(now: Root, { role, from }: Rotation): void {
  const ids = (root: Root, name: TopLevelRole): string => [...root.roles[name].keyIds].sort().join(' ');
  if (ids(now, role) === ids(from.signed, role)) return;
  throw new CountersignError(
    'contradiction',
    `somebody else has given ${role} new keys in root version ${now.version}`,
    {
      detail: { role, version: from.signed.version, current: now.version },
      next: 'Look at them with `countersign inspect`, and rotate again if you still want to.',
    },
  );
}
