import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { hasErrno } from './errno.js';

/** Where a certificate and its private key lie. */
export interface KeyPairFiles {
  readonly certificate: string;
  /** Readable by the owner alone. */
  readonly key: string;
}

/** Every file of a local installation, by absolute path. */
export interface DataDirectory {
  readonly root: string;
  readonly lock: string;
  readonly authority: KeyPairFiles;
  /** What the server shows to its clients. */
  readonly serverTls: KeyPairFiles;
  /** What the signer shows to the server. */
  readonly signerTls: KeyPairFiles;
  /** What the server shows to the signer. */
  readonly clientTls: KeyPairFiles;
  /** In a directory of its own, so that a copy of the signer's database is not also a copy of what opens it. */
  readonly passphrase: string;
  readonly signerConfig: string;
  readonly signerDatabase: string;
  readonly serverConfig: string;
  readonly serverDatabase: string;
  readonly targets: string;
  readonly signerLog: string;
  readonly serverLog: string;
}

/** Lays the files out under `path` and makes the directories, closed to everybody but the owner. */
export function openDataDirectory(path: string): DataDirectory {
  const root = resolve(path);
  const at = (...parts: readonly string[]): string => join(root, ...parts);
  const pair = (name: string): KeyPairFiles => ({
    certificate: at('tls', `${name}.crt`),
    key: at('tls', `${name}.key`),
  });
  for (const directory of ['.', 'tls', 'secrets', 'signer', 'server', 'server/targets', 'logs']) {
    mkdirSync(at(directory), { recursive: true, mode: 0o700 });
  }
  chmodSync(at('secrets'), 0o700);
  return {
    root,
    lock: at('launcher.lock'),
    authority: pair('ca'),
    serverTls: pair('server'),
    signerTls: pair('signer'),
    clientTls: pair('client'),
    passphrase: at('secrets', 'signer-passphrase'),
    signerConfig: at('signer', 'signer.json'),
    signerDatabase: at('signer', 'signer.db'),
    serverConfig: at('server', 'server.json'),
    serverDatabase: at('server', 'server.db'),
    targets: at('server', 'targets'),
    signerLog: at('logs', 'signer.log'),
    serverLog: at('logs', 'server.log'),
  };
}

/** The text of a file, or undefined if there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Who may read a file beside its owner. */
export type Readers = 'owner' | 'everybody';

/**
 * Replaces a file as a whole: whoever reads it sees the old text or the new one, and after a power loss one of them is there.
 */
export function writeAtomically(path: string, text: string, readers: Readers): void {
  const next = `${path}.next`;
  const file = openSync(next, 'w', readers === 'owner' ? 0o600 : 0o644);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(next, path);
  syncDirectory(dirname(path));
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
