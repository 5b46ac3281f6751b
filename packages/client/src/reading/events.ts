import type { RoleName } from '../tuf/names.js';

/** What an update is doing, for whoever shows its progress. Nothing in it is to be trusted before it is said to be. */
export type UpdateEvent =
  /** A request for `file` (a metadata file's name) begins. */
  | { readonly kind: 'asking'; readonly file: string }
  /** Bytes of `file` received so far; at most `limit` are taken. */
  | { readonly kind: 'receiving'; readonly file: string; readonly bytes: number; readonly limit: number }
  /** A file of `role` was found genuine and is kept. */
  | { readonly kind: 'trusted'; readonly role: RoleName; readonly bytes: number }
  /** Another client of the same cache has been faster: what this one trusts from here on is kept in memory alone. */
  | { readonly kind: 'overtaken' };
