import { stat, type FileHandle } from 'node:fs/promises';

/** What tells a file from another that has taken its place, without reading either. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
  /** Bytes. */
  readonly size: bigint;
  readonly mtimeNs: bigint;
}

export async function identityOf(file: FileHandle): Promise<FileIdentity> {
  return file.stat({ bigint: true });
}

/** The file at `path`; undefined where there is none to be seen. */
export async function identityAt(path: string): Promise<FileIdentity | undefined> {
  return stat(path, { bigint: true }).catch(() => undefined);
}

export function isSameFile(one: FileIdentity, other: FileIdentity | undefined): boolean {
  return (['dev', 'ino', 'size', 'mtimeNs'] as const).every((part) => one[part] === other?.[part]);
}
