import { CountersignError } from '../tuf/errors.js';
import type { Collection } from './collection.js';

/** Sees what was published as a reader would, so that the next change starts from it. What was published stays published. */
export async function settle(collection: Collection): Promise<void> {
  try {
    await collection.refreshed('publish');
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error;
    throw new CountersignError(error.code, `it is published, but could not be read back: ${error.message}`, {
      cause: error,
      detail: error.detail,
      ...(error.next === undefined ? {} : { next: error.next }),
    });
  }
}

/** `root 2, targets 3, …`, of the roles that got a new version. */
export function versions(published: Readonly<Record<string, number>>): string {
  return Object.entries(published)
    .map(([role, version]) => `${role} ${version}`)
    .join(', ');
}
