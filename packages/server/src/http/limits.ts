/** What one request may cost. Sizes in bytes, times in milliseconds. */
export interface HttpLimits {
  /** The largest metadata file in an upload. */
  readonly part: number;
  /** How many metadata files one upload may carry. */
  readonly parts: number;
  /** The largest upload of metadata as a whole, its multipart framing included. */
  readonly upload: number;
  /** What all uploads of metadata that are under way may take together. */
  readonly uploads: number;
  /** What all metadata files that are being sent may take together, each counted once. */
  readonly answers: number;
  /** How long an upload of metadata may take to arrive. */
  readonly uploadTime: number;
  /** The largest target file. */
  readonly target: number;
  /** How long a target file may take to arrive. */
  readonly targetTime: number;
  /** How long a client may go without sending a byte of a body it has begun. */
  readonly bodyIdle: number;
  /** How much of a refused body is read and dropped so that the client, still sending, sees the answer. */
  readonly drainBytes: number;
  readonly drainTime: number;
}

/** `part` and `target` follow the policy, `targetTime` what a request may take; a server sets them from there. */
export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  part: 5_000_000,
  parts: 1_024,
  upload: 64 * 1024 * 1024,
  uploads: 512 * 1024 * 1024,
  answers: 256 * 1024 * 1024,
  uploadTime: 300_000,
  target: 4 * 1024 ** 3,
  targetTime: 7_200_000,
  bodyIdle: 30_000,
  drainBytes: 64 * 1024 * 1024,
  drainTime: 10_000,
};
