import {
  composeSnapshot,
  composeTimestamp,
  CountersignError,
  hasCode,
  instant,
  nextMeta,
  nextVersion,
  promiseOf,
  SNAPSHOT,
  TIMESTAMP,
  type Envelope,
  type MetaFile,
  type RoleName,
  type Root,
  type Signature,
  type Snapshot,
  type Timestamp,
  type Version,
} from '@countersign/client/tuf';
import { propose, type Proposed } from '@countersign/client/tuf/proposal';
import type { CollectionContext } from './context.js';
import { lifetimesOf } from './lifetimes.js';
import { forgotten, type ListedOnlineKey, type OnlineRoles } from './online.js';
import { checkSnapshotSize } from './snapshot-size.js';
import type { OnlineFiles, Step } from './walk.js';

/** How the next snapshot comes about: the published one stays, the publisher sent one, or the server makes one. */
export type SnapshotPlan =
  | { readonly kind: 'keep' }
  | { readonly kind: 'uploaded'; readonly snapshot: Envelope<Snapshot> }
  | { readonly kind: 'make'; readonly meta: ReadonlyMap<RoleName, MetaFile> };

/** Signed online files, ready for the second walk. */
export interface Countersigned {
  readonly snapshot: Envelope<Snapshot> | undefined;
  readonly timestamp: Envelope<Timestamp>;
}

// A publish that meets a signer some versions ahead (a crash between signing and committing) catches up at once; more
// than a few corrections mean that somebody else is signing all the time.
const CORRECTIONS = 8;

function expiry(step: Step, seconds: number): Timestamp['expires'] {
  // Whole seconds, so that the model and the file say the same.
  return instant(Math.floor((step.now + seconds * 1000) / 1000) * 1000);
}

function published<T>(step: Step, role: RoleName, parse: (raw: Uint8Array) => Envelope<T>): Envelope<T> | undefined {
  return step.published === undefined ? undefined : parse(step.published.bytes(role));
}

export class Countersigner {
  readonly #context: CollectionContext;
  readonly #step: Step;
  readonly #root: Envelope<Root>;
  readonly #keys: OnlineRoles;
  readonly #plan: SnapshotPlan;

  constructor(context: CollectionContext, step: Step, root: Envelope<Root>, keys: OnlineRoles, plan: SnapshotPlan) {
    this.#context = context;
    this.#step = step;
    this.#root = root;
    this.#keys = keys;
    this.#plan = plan;
  }

  /** The online files as they are about to be, unsigned: for the walk before anything is signed. */
  propose(): OnlineFiles {
    const snapshot = this.#proposedSnapshot();
    const promise: MetaFile =
      snapshot === undefined
        ? this.#promisePublished()
        : snapshot instanceof Uint8Array
          ? this.#promise(snapshot)
          : this.#promise(this.#step.format.assemble(snapshot.signedBytes, []));
    const timestamp = this.#draftTimestamp(promise, undefined);
    const { signed } = this.#step.format.parseTimestamp(this.#step.format.assemble(timestamp, []));
    return { snapshot, timestamp: propose(signed, timestamp) };
  }

  /**
   * Undefined if another publish was committed meanwhile and the signer, which has seen it, signs nothing older any more.
   * @throws CountersignError `unavailable`, `policy` or what else the signer says
   */
  async sign(): Promise<Countersigned | undefined> {
    try {
      return await this.#signAll();
    } catch (error) {
      if (hasCode(error, 'policy', 'stale-version') && (await this.#overtaken())) return undefined;
      if (hasCode(error, 'missing-key')) throw await this.#explain(error);
      throw error;
    }
  }

  async #overtaken(): Promise<boolean> {
    const head = await this.#context.store.head(this.#step.gun);
    return head?.id !== this.#step.published?.follows;
  }

  /** A key the signer no longer holds was forgotten while this publish was checked; or, of a published root, lost. */
  async #explain(cause: unknown): Promise<CountersignError> {
    const { gun } = this.#step;
    const [timestamp, snapshot] = await Promise.all([
      this.#context.store.onlineKeys(gun, 'timestamp'),
      this.#context.store.onlineKeys(gun, 'snapshot'),
    ]);
    const known = new Set([...timestamp, ...snapshot].map(({ id }) => id));
    const gone = [...this.#keys.timestamp, ...this.#keys.snapshot].map(({ id }) => id).filter((id) => !known.has(id));
    return gone.length > 0 ? forgotten(gone) : new CountersignError('internal', 'the signer lost a key', { cause });
  }

  async #signAll(): Promise<Countersigned> {
    const snapshot = await this.#signSnapshot();
    const promise = snapshot === undefined ? this.#promisePublished() : this.#promise(snapshot.raw);
    const timestamp = await this.#signNewest('timestamp', this.#keys.timestamp, (version) =>
      this.#draftTimestamp(promise, version),
    );
    return { snapshot, timestamp: this.#step.format.parseTimestamp(timestamp) };
  }

  #proposedSnapshot(): Uint8Array | Proposed<Snapshot> | undefined {
    if (this.#plan.kind === 'keep') return undefined;
    if (this.#plan.kind === 'uploaded') return this.#plan.snapshot.raw;
    const draft = this.#draftSnapshot(this.#plan.meta, undefined);
    return propose(this.#step.format.parseSnapshot(this.#step.format.assemble(draft, [])).signed, draft);
  }

  async #signSnapshot(): Promise<Envelope<Snapshot> | undefined> {
    const plan = this.#plan;
    if (plan.kind === 'keep') return undefined;
    if (plan.kind === 'uploaded') return plan.snapshot;
    const raw = await this.#signNewest('snapshot', this.#keys.snapshot, (version) =>
      this.#draftSnapshot(plan.meta, version),
    );
    return this.#step.format.parseSnapshot(raw);
  }

  #draftSnapshot(meta: ReadonlyMap<RoleName, MetaFile>, atLeast: Version | undefined): Uint8Array {
    const { format } = this.#step;
    const follows = published(this.#step, SNAPSHOT, (raw) => format.parseSnapshot(raw));
    const version = this.#version(SNAPSHOT, follows, atLeast);
    const expires = expiry(this.#step, lifetimesOf(this.#context.policy, format).snapshotValidity);
    const draft = composeSnapshot(format, { version, expires, meta: nextMeta(follows?.signed, meta) }, follows);
    checkSnapshotSize(this.#context.policy, this.#step, draft, this.#keys.snapshot);
    return draft;
  }

  #draftTimestamp(snapshot: MetaFile, atLeast: Version | undefined): Uint8Array {
    const { format } = this.#step;
    const follows = published(this.#step, TIMESTAMP, (raw) => format.parseTimestamp(raw));
    const version = this.#version(TIMESTAMP, follows, atLeast);
    const expires = expiry(this.#step, lifetimesOf(this.#context.policy, format).timestampValidity);
    return composeTimestamp(format, { version, expires, snapshot }, follows);
  }

  /** One above what is followed, and above what an earlier life of the collection or the signer has had. */
  #version(
    role: RoleName,
    follows: Envelope<{ readonly version: Version }> | undefined,
    atLeast: Version | undefined,
  ): Version {
    const past = this.#step.past.get(role) ?? 0;
    return Math.max(nextVersion(follows), past + 1, atLeast ?? 0) as Version;
  }

  /** Signs the draft, at a higher version where the signer has signed this one before. */
  async #signNewest(
    role: 'timestamp' | 'snapshot',
    keys: readonly ListedOnlineKey[],
    draft: (atLeast: Version | undefined) => Uint8Array,
  ): Promise<Uint8Array> {
    let atLeast: Version | undefined;
    for (let correction = 0; ; correction += 1) {
      const signedBytes = draft(atLeast);
      try {
        return this.#step.format.assemble(signedBytes, await this.#signatures(role, keys, signedBytes));
      } catch (error) {
        if (correction >= CORRECTIONS || !hasCode(error, 'stale-version') || error.detail.current === undefined)
          throw error;
        atLeast = (error.detail.current + 1) as Version;
      }
    }
  }

  async #signatures(
    role: 'timestamp' | 'snapshot',
    keys: readonly ListedOnlineKey[],
    payload: Uint8Array,
  ): Promise<readonly Signature[]> {
    const { gun, format } = this.#step;
    const before = format.rules.rolesMayLeaveSnapshot ? undefined : this.#step.published;
    const follows = before && { follows: before.bytes(role === 'snapshot' ? SNAPSHOT : TIMESTAMP) };
    const keyIds = this.#keys.timestamp.map(({ id }) => id);
    const told = before && role === 'snapshot' && { published: { keyIds, timestamp: before.bytes(TIMESTAMP) } };
    return Promise.all(
      keys.map(async ({ keyId, id, scheme }) => ({
        keyId,
        scheme,
        value: await this.#context.signer.sign({
          keyId: id,
          gun,
          role,
          format: format.name,
          payload,
          ...follows,
          ...told,
        }),
      })),
    );
  }

  #promise(raw: Uint8Array): MetaFile {
    const { version } = this.#step.format.parseSnapshot(raw).signed;
    return promiseOf(this.#step.format, raw, version, this.#context.crypto, 'with-hash');
  }

  #promisePublished(): MetaFile {
    if (this.#step.published === undefined) throw new Error(`${this.#root.signed.type} without a snapshot to keep`);
    return this.#promise(this.#step.published.bytes(SNAPSHOT));
  }
}
