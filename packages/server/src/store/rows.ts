import type { Gun, Instant, RoleName, Version } from '@countersign/client/tuf';
import type { StoredFile } from '../collection/ports.js';

/** A row of `files`, as `FILE` selects it. */
export interface FileRow {
  readonly role: string;
  readonly version: number;
  readonly sha256: string;
  readonly expires: number;
  readonly created_at: number;
  readonly bytes: Uint8Array;
}

/** The columns of a `FileRow` of the table `files f`. */
export const FILE = 'f.role, f.version, f.sha256, f.expires, f.created_at, f.bytes';

// What a column holds was parsed when it was written, so these only give it back its type.
export const asGun = (text: string): Gun => text as Gun;
export const asInstant = (milliseconds: number): Instant => milliseconds as Instant;

export function storedFile(row: FileRow): StoredFile {
  return {
    role: row.role as RoleName,
    version: row.version as Version,
    bytes: row.bytes,
    sha256: row.sha256,
    expires: asInstant(row.expires),
    createdAt: asInstant(row.created_at),
  };
}

/** Whether a database text can hold it: PostgreSQL's holds no U+0000, and asking for one is an error there. */
export function storable(...texts: readonly string[]): boolean {
  return texts.every((text) => !text.includes('\0'));
}
