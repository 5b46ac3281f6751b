import { applyChanges } from './apply-changes.js';
import { byRole, type Change } from './changes.js';
import { canSign, sign, type KeyRing } from './key-ring.js';
import { expiry, isExpiring, type Lifetimes } from './lifetimes.js';
import { findRole, rootAuthority, type PublishedRole } from './role-search.js';
import type { TrustedState } from '../reading/state.js';
import {
  composeRoot,
  composeSnapshot,
  composeTargets,
  nextMeta,
  nextVersion,
  promiseOf,
  type TargetsEdit,
} from '../tuf/compose.js';
import type { Crypto } from '../tuf/crypto.js';
import type { Envelope } from '../tuf/envelope.js';
import { CountersignError } from '../tuf/errors.js';
import type { Format } from '../tuf/formats/format.js';
import type { MetaFile, Root } from '../tuf/model.js';
import { formatInstant, ROOT, SNAPSHOT, TARGETS, type Instant, type RoleName, type Version } from '../tuf/names.js';

/** Signed files ready to be published together, by role. */
export type Draft = ReadonlyMap<RoleName, Uint8Array>;

/** What making signed files needs. */
export interface DraftContext {
  readonly format: Format;
  readonly crypto: Crypto;
  readonly ring: KeyRing;
  readonly lifetimes: Lifetimes;
  readonly now: Instant;
}

/**
 * The next version of every role that `changes` really change, and of targets and root where they are about to expire and
 * this person can sign them. Empty where everything is in force already.
 * @throws CountersignError `contradiction`, `missing-key`, `delegation`
 */
export async function draftChanges(
  context: DraftContext,
  state: TrustedState,
  changes: readonly Change[],
): Promise<Draft> {
  const draft = new Map<RoleName, Uint8Array>();
  for (const [role, its] of byRole(changes)) {
    const published = await findRole(state, role);
    const { edit, effective } = applyChanges(role, published.current?.signed, basedOn(published, its));
    if (effective > 0 || (await isDue(context, published)))
      draft.set(role, await nextTargets(context, published, edit));
  }
  await renew(context, state, draft);
  return draft;
}

/** The first version of targets under a root that was never published. */
export async function draftFirst(
  context: DraftContext,
  root: Envelope<Root>,
  changes: readonly Change[],
): Promise<Draft> {
  const { format, lifetimes, now } = context;
  if (root.signed.expires <= now) throw expiredRoot(root.signed);
  const stray = changes.find((change) => change.role !== TARGETS);
  if (stray !== undefined) {
    throw new CountersignError('delegation', `no role delegates to ${stray.role} yet`, {
      detail: { role: stray.role },
      next: 'Publish the collection first, then add the delegation.',
    });
  }
  const { edit } = applyChanges(TARGETS, undefined, changes);
  const bytes = composeTargets(format, edit, expiry(now, lifetimes.targets));
  const targets = await sign(context, bytes, [rootAuthority(root.signed, 'targets')]);
  return new Map([
    [ROOT, root.raw],
    [TARGETS, targets],
  ]);
}

/**
 * `draft` with a snapshot of this person's own over it, where they hold its keys, which may be those of a root in the draft:
 * a server that does not can make none. Alone, where it is about to expire.
 * @throws CountersignError `unsealed`
 */
export async function withSnapshot(context: DraftContext, state: TrustedState, draft: Draft): Promise<Draft> {
  const { format, crypto, ring, lifetimes, now } = context;
  const { snapshot } = state.trust.snapshot;
  const nextRoot = draft.get(ROOT);
  const root = nextRoot === undefined ? state.trust.final.root : format.parseRoot(nextRoot);
  const authority = rootAuthority(root.signed, 'snapshot');
  if (!('raw' in snapshot)) return draft;
  const due = draft.size > 0 || isExpiring(snapshot.signed.expires, now, lifetimes.snapshot);
  if (!due || !(await canSign(ring, authority))) return draft;
  const changes = new Map<RoleName, MetaFile>();
  for (const [role, raw] of draft) {
    if (role === ROOT && !format.rules.snapshotListsRoot) continue;
    changes.set(role, promiseOf(format, raw, versionOf(format, role, raw), crypto, 'with-hash'));
  }
  const next = {
    version: nextVersion(snapshot),
    expires: expiry(now, lifetimes.snapshot),
    meta: nextMeta(snapshot.signed, changes),
  };
  return new Map([...draft, [SNAPSHOT, await sign(context, composeSnapshot(format, next, snapshot), [authority])]]);
}

/** The versions of a draft's files, by role. */
export function versionsIn(format: Format, draft: Draft): Readonly<Record<string, number>> {
  return Object.fromEntries([...draft].map(([role, raw]) => [role, versionOf(format, role, raw)]));
}

function versionOf(format: Format, role: RoleName, raw: Uint8Array): Version {
  if (role === ROOT) return format.parseRoot(raw).signed.version;
  return (role === SNAPSHOT ? format.parseSnapshot(raw) : format.parseTargets(raw)).signed.version;
}

/** What others signed who may no longer is as good as nothing: taking its place contradicts nobody. */
function basedOn({ current }: PublishedRole, changes: readonly Change[]): readonly Change[] {
  if (current !== undefined) return changes;
  return changes.map((change) => ({ ...change, base: { version: 0, content: undefined } }));
}

async function nextTargets(context: DraftContext, role: PublishedRole, edit: TargetsEdit): Promise<Uint8Array> {
  const { format, lifetimes, now } = context;
  const bytes = composeTargets(format, edit, expiry(now, lifetimes.targets), role.current, role.above);
  return sign(context, bytes, [role.authority]);
}

async function isDue(context: DraftContext, { authority, current }: PublishedRole): Promise<boolean> {
  const { now, lifetimes, ring } = context;
  return (
    current !== undefined &&
    isExpiring(current.signed.expires, now, lifetimes.targets) &&
    (await canSign(ring, authority))
  );
}

async function renew(context: DraftContext, state: TrustedState, draft: Map<RoleName, Uint8Array>): Promise<void> {
  const targets = await findRole(state, TARGETS);
  if (!draft.has(TARGETS) && (await isDue(context, targets)))
    draft.set(TARGETS, await nextTargets(context, targets, {}));
  const { root } = state.trust.final;
  const { format, crypto, now, lifetimes, ring } = context;
  const authority = rootAuthority(root.signed, 'root');
  if (!isExpiring(root.signed.expires, now, lifetimes.root) || !(await canSign(ring, authority))) return;
  const bytes = composeRoot(format, {}, expiry(now, lifetimes.root), crypto, root);
  draft.set(ROOT, await sign(context, bytes, [authority]));
}

function expiredRoot(root: Root): CountersignError {
  return new CountersignError('freeze', `the root made by init expired at ${formatInstant(root.expires)}`, {
    detail: { role: ROOT, expires: formatInstant(root.expires) },
    next: 'Remove the collection from the home directory and run `countersign init` again.',
  });
}
