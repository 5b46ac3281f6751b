import type { TargetChange } from '../../publishing/changes.js';
import { hexEncode } from '../../tuf/encoding.js';
import type { TargetFile } from '../../tuf/model.js';

/** Staged changes for programs. */
export function changesAsJson(changes: readonly TargetChange[]): readonly object[] {
  return changes.map((change) => ({
    kind: change.kind,
    role: change.role,
    target: change.path,
    ...(change.kind === 'add' ? { ...contentOf(change.file), source: change.source } : {}),
  }));
}

function contentOf({ length, hashes }: TargetFile): object {
  return { length, hashes: Object.fromEntries([...hashes].map(([algorithm, hash]) => [algorithm, hexEncode(hash)])) };
}

/** Whether what a person typed means `path`: itself, or with a slash at its end everything below it. */
export function means(typed: string, path: string): boolean {
  return typed.endsWith('/') ? path.startsWith(typed) : path === typed;
}
