import { CountersignError } from '@countersign/client/tuf';

/** What may be done to a collection, in the words of Docker's registries; `*` is everything. */
export type Action = 'pull' | 'push' | '*';

/** What a request needs, in the form token servers grant it. */
export interface Access {
  readonly type: 'repository' | 'registry';
  readonly name: string;
  readonly actions: readonly Action[];
}

/** Of the whole server: needed where no collection is named. */
export const CATALOG: Access = { type: 'registry', name: 'catalog', actions: ['*'] };

/** The headers that say who asks, and whom. */
export interface Asking {
  readonly authorization?: string | undefined;
  readonly host?: string | undefined;
}

/** Who was let in. */
export interface Caller {
  /** The account a token is about, as its issuer wrote it, cut to 200 characters; undefined where nobody says. */
  readonly subject: string | undefined;
}

/**
 * Decides whether a request may go on. Asks nobody and keeps nothing of what it is shown; its memory does not grow with
 * requests. What it throws never holds the token or a part of it.
 */
export interface Authorizer {
  /** @throws Unauthorized */
  authorize(asking: Asking, access: Access): Caller | Promise<Caller>;
}

const NOBODY: Caller = { subject: undefined };

/** Everybody may do everything: a server without authentication. */
export const ANYBODY: Authorizer = { authorize: () => NOBODY };

/** A request without the access it needs. `challenge` is the value of its `WWW-Authenticate` header. */
export class Unauthorized extends CountersignError {
  readonly challenge: string;
  readonly access: Access;

  constructor(message: string, options: { readonly challenge: string; readonly access: Access }) {
    super('unauthorized', message, { next: 'Log in, or ask whoever runs the server for access.' });
    this.challenge = options.challenge;
    this.access = options.access;
  }
}
