import type { Readable, Writable } from 'node:stream';
import type { ScryptParams } from '../../node/sealed.js';

/** A stream that may be a terminal. */
export type Terminal<S> = S & { readonly isTTY?: boolean; readonly columns?: number };

/** Everything the command takes from its surroundings. */
export interface CommandIo {
  readonly env: Readonly<Partial<Record<string, string>>>;
  readonly stdin: Terminal<Readable>;
  readonly stdout: Terminal<Writable>;
  readonly stderr: Terminal<Writable>;
  /** Stops the command; it cleans up, and exits with 130. */
  readonly signal?: AbortSignal;
  /** Milliseconds since 1970; the system's clock unless given. */
  readonly now?: () => number;
  /** Cost of sealing new keys; what cosign uses unless given. */
  readonly scrypt?: ScryptParams;
  /** Where a `trust.lock` is looked for; the process's directory unless given. */
  readonly cwd?: string;
  /** Marks locks as this process's; the real one unless given. */
  readonly pid?: number;
}
