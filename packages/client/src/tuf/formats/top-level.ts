import type { Role, Root } from '../model.js';
import { ROOT, SNAPSHOT, TARGETS, TIMESTAMP, type RoleName } from '../names.js';

/** The four roles a root names keys for; others that one lists (`mirrors`) mean nothing to a client. */
export function topLevelRoles(read: (name: RoleName) => Role): Root['roles'] {
  return Object.freeze({
    root: read(ROOT),
    timestamp: read(TIMESTAMP),
    snapshot: read(SNAPSHOT),
    targets: read(TARGETS),
  });
}
