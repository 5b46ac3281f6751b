import { readFile } from 'node:fs/promises';
import { unwatchFile, watchFile } from 'node:fs';

/** PEM text, by the names Node's TLS gives it. */
export interface Certificates {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
  readonly ca?: string;
}

export async function readCertificates(files: CertificateFiles): Promise<Certificates> {
  const [cert, key, ca] = await Promise.all([
    readFile(files.certificate, 'utf8'),
    readFile(files.key, 'utf8'),
    files.ca === undefined ? undefined : readFile(files.ca, 'utf8'),
  ]);
  return { cert, key, ...(ca === undefined ? {} : { ca }) };
}

/** Milliseconds. Polled, since renewal replaces files by renaming, which ends a watch on the old one. */
const INTERVAL = 2_000;

/** Calls `changed` after any of the files changed. A pair is renewed file by file, so what is read then may not fit yet. */
export function watchCertificates(files: CertificateFiles, changed: () => void): { stop(): void } {
  return watchFiles([files.certificate, files.key, ...(files.ca === undefined ? [] : [files.ca])], changed);
}

export function watchFiles(names: readonly string[], changed: () => void): { stop(): void } {
  const listener = (): void => changed();
  for (const name of names) watchFile(name, { interval: INTERVAL, persistent: false }, listener);
  return {
    stop: () => {
      for (const name of names) unwatchFile(name, listener);
    },
  };
}
