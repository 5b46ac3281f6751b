import type { Delegation, PublicKey, TargetFile } from '../tuf/model.js';
import type { RoleName, TargetPath } from '../tuf/names.js';

/**
 * What a person saw when making a change: the version of the role (0 where it was never published) and what stood there.
 * Publishing over anything else would undo somebody's work unseen.
 */
export interface Base<T> {
  readonly version: number;
  readonly content: T | undefined;
}

/** Lists a target, or gives it another content. */
export interface AddTarget {
  readonly kind: 'add';
  readonly role: RoleName;
  readonly path: TargetPath;
  readonly file: TargetFile;
  /** Where the bytes are, in the words of whoever opens them (a file path); absent where they are on the server already. */
  readonly source?: string;
  readonly base: Base<TargetFile>;
}

/** Lists a target no longer. */
export interface RemoveTarget {
  readonly kind: 'remove';
  readonly role: RoleName;
  readonly path: TargetPath;
  readonly base: Base<TargetFile>;
}

export type TargetChange = AddTarget | RemoveTarget;

/** Hands part of `role`'s paths to another role, or changes that. */
export interface AddDelegation {
  readonly kind: 'delegate';
  readonly role: RoleName;
  readonly delegation: Delegation;
  /** The public keys the delegation names. */
  readonly keys: readonly PublicKey[];
  readonly base: Base<Delegation>;
}

export interface RemoveDelegation {
  readonly kind: 'undelegate';
  readonly role: RoleName;
  readonly name: RoleName;
  readonly base: Base<Delegation>;
}

export type DelegationChange = AddDelegation | RemoveDelegation;

/** One step of a publisher, kept until it is published, and applied to whatever is current then. `role` is who lists it. */
export type Change = TargetChange | DelegationChange;

/** `changes` with `next` in place of an earlier one of the same target. */
export function stage(changes: readonly TargetChange[], next: TargetChange): readonly TargetChange[] {
  const others = changes.filter((change) => change.role !== next.role || change.path !== next.path);
  // Removing what only this person's own staged change would have listed leaves nothing to do.
  if (next.kind === 'remove' && next.base.content === undefined) return others;
  return [...others, next];
}

/** The changes of each role, in order. */
export function byRole<C extends Change>(changes: readonly C[]): ReadonlyMap<RoleName, readonly C[]> {
  const groups = new Map<RoleName, C[]>();
  for (const change of changes) {
    const group = groups.get(change.role);
    if (group === undefined) groups.set(change.role, [change]);
    else group.push(change);
  }
  return groups;
}
