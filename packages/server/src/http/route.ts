import type { Context } from 'koa';
import type { Gun } from '@countersign/client/tuf';
import type { Action, Authorizer } from '../auth/authorizer.js';
import type { Collections } from '../collection/service.js';
import type { Log } from '../log.js';
import type { AccessRules } from './access.js';
import type { Answers } from './answers.js';
import type { HttpLimits } from './limits.js';
import type { RequestMeter } from './meter.js';
import type { Offer } from './offer.js';

/** What handlers work with; made once, at start. */
export interface HttpDeps {
  readonly collections: Collections;
  readonly limits: HttpLimits;
  readonly offer: Offer;
  /** Undefined: nothing is counted, and there is no `/metrics`. */
  readonly meter: RequestMeter | undefined;
  readonly access: AccessRules;
  readonly authorizer: Authorizer;
  readonly log: Log;
}

/** One request on its way to a handler. `match` is the route's pattern on the decoded path. */
export interface Call {
  readonly context: Context;
  readonly match: RegExpExecArray;
  readonly query: string;
  /** Who asks, where a token says so. */
  readonly by: string | undefined;
}

export interface CollectionCall extends Call {
  readonly gun: Gun;
}

/** What a caller must be allowed: actions on the collection, or, where there is none, on the server as a whole. */
export type RouteAccess<C extends Call> = C extends CollectionCall
  ? readonly [Action, ...Action[]]
  : 'everybody' | 'catalog';

/** A row of a route table. A `GET` row answers `HEAD` too. */
export interface Route<C extends Call> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly pattern: RegExp;
  /** The whole path as OpenAPI writes it, a test holds it against `pattern`. */
  readonly path: string;
  /** Checked before anything of the body is read. */
  readonly access: RouteAccess<C>;
  /** What the request's body is, within its limit; what is not read is dropped. */
  readonly body: 'none' | 'upload' | 'import' | 'past' | 'target';
  readonly handle: (call: C) => Promise<void>;
  readonly doc: string;
  readonly query?: readonly { readonly name: string; readonly required: boolean; readonly schema: object }[];
  readonly answers: Answers;
}
