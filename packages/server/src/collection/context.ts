import type { Crypto, Format, FormatName, Instant } from '@countersign/client/tuf';
import type { Documents } from './documents.js';
import type { Signer, Store, TargetFiles } from './ports.js';
import type { Policy } from './service.js';

/** What the collection's operations work with; made once, at start. */
export interface CollectionContext {
  readonly store: Store;
  readonly targetFiles: TargetFiles;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly policy: Policy;
  readonly clock: () => Instant;
  readonly documents: Documents;
  readonly formatNamed: (name: FormatName) => Format;
  readonly log: CollectionLog;
  readonly meter: Meter;
}

/** Told of what happens without a caller who would count it. */
export interface Meter {
  /** A collection's timestamp was signed anew, by the job or for a reader; or could not be. */
  renewal(cause: 'job' | 'reader', outcome: 'done' | 'failed'): void;
}

/** Where operations report what nobody waits for. Never given secrets or file contents. */
export interface CollectionLog {
  info(what: Record<string, unknown>, message: string): void;
  warn(what: Record<string, unknown>, message: string): void;
}
