import type { Gun, Instant } from '@countersign/client/tuf';

/** A target file a publisher uploaded. `blob` names its bytes in `TargetFiles`; two collections never share one. */
export interface Upload {
  readonly gun: Gun;
  readonly sha256: string;
  readonly sha512: string;
  /** Bytes. */
  readonly length: number;
  readonly blob: string;
  readonly uploadedAt: Instant;
}

/**
 * Which target files a collection has on this server. Use counts are kept for every hash that current metadata names,
 * uploaded or not, and `commit` changes them in its own transaction. `collect` deletes, in one transaction, only uploads
 * that nothing has named, and nobody has uploaded or asked about, since `unusedBefore`; so a file is never removed between a
 * publisher's upload and the commit that names it: either the commit comes first and the upload stays, or the upload goes
 * first and the commit answers `missing-targets`.
 */
export interface Uploads {
  /** By `sha256` or `sha512`, lower-case hex. */
  find(gun: Gun, hash: string): Promise<Upload | undefined>;
  /** As `find`, and its age starts anew at `now`: whoever was told that it is stored may count on it. */
  touch(gun: Gun, hash: string, now: Instant): Promise<Upload | undefined>;
  /** Records the upload; if the collection has that hash already, the older one stays, is touched (its age starts anew) and returned. */
  add(upload: Upload): Promise<Upload>;
  /** Which of these SHA-256 hashes are not stored for `gun`, sorted. Advice: only `commit` decides. */
  missing(gun: Gun, sha256: ReadonlySet<string>): Promise<readonly string[]>;
  /** Total bytes uploaded by `gun` that no current metadata names. */
  unnamedBytes(gun: Gun): Promise<number>;
  /** Removes uploads nothing has named, and nobody uploaded or asked about, since `unusedBefore`, and returns them; at most `limit`. */
  collect(unusedBefore: Instant, limit: number): Promise<readonly Upload[]>;
  /** Drops the counts of at most `limit` files that nobody ever uploaded here and nothing has named since `unusedBefore`; answers how many. */
  forget(unusedBefore: Instant, limit: number): Promise<number>;
  /** Which of `blobs` some row still refers to. */
  known(blobs: readonly string[]): Promise<ReadonlySet<string>>;
}

/**
 * Where the bytes of uploaded target files are. The contract (`test/contracts/target-files.ts`):
 * `write` consumes the stream, never holds it whole in memory, stops at `maxBytes` (`too-large`), and when it resolves the
 * bytes are durable under a new, unguessable name; if it rejects (also `storage-full`, or the stream's own error) nothing
 * is left behind but what `sweep` finds. `open` streams exactly what was written. `remove` of an unknown name is no error.
 */
export interface TargetFiles {
  write(bytes: AsyncIterable<Uint8Array>, maxBytes: number): Promise<WrittenTarget>;
  /** @throws CountersignError `not-found` before the first byte */
  open(blob: string): Promise<AsyncIterable<Uint8Array>>;
  remove(blob: string): Promise<void>;
  /** Names written before `before`, in batches: what a crash may have orphaned is among them. */
  sweep(before: Instant): AsyncIterable<readonly string[]>;
}

export interface WrittenTarget {
  readonly blob: string;
  readonly sha256: string;
  readonly sha512: string;
  /** Bytes. */
  readonly length: number;
}
