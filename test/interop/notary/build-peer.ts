import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findPostgres } from '../../support/postgres.js';
import { findProgram, refusedInCi } from '../../support/programs.js';

const exec = promisify(execFile);

const SOURCES = '/usr/share/gocode';
const NOTARY = 'github.com/theupdateframework/notary';
const PROGRAMS = ['notary-server', 'notary-signer'] as const;
/** Debian packages whose sources the build needs beside Notary's own dependencies. */
const PACKAGES = ['golang-github-docker-notary-dev', 'golang-github-docker-distribution-dev'] as const;

/** What the peer lacks on this machine: programs, and Debian's packages of Go sources. */
export function missingForPeer(): readonly string[] {
  const sources = { [PACKAGES[0]]: NOTARY, [PACKAGES[1]]: 'github.com/docker/distribution' };
  const missing = Object.entries(sources).filter(([, path]) => !existsSync(join(SOURCES, 'src', path)));
  const postgres = findPostgres();
  return refusedInCi([
    ...(findProgram('go') === undefined ? ['go'] : []),
    ...missing.map(([name]) => name),
    ...('missing' in postgres ? [postgres.missing] : []),
  ]);
}

/**
 * Compiles Notary's server and signer from Debian's sources, once for each version of these.
 * @returns the directory of the two programs
 */
export async function buildPeer(): Promise<string> {
  const { stdout } = await exec('dpkg-query', ['-W', '-f', '${Version}+', ...PACKAGES]);
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'countersign-interop');
  const directory = join(cache, `notary-${stdout.replaceAll(/[^\w.~-]/gu, '_')}`);
  if (existsSync(directory)) return directory;
  await mkdir(cache, { recursive: true });
  const half = await mkdtemp(join(cache, 'building-'));
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: SOURCES, GOFLAGS: '' };
  for (const program of PROGRAMS) {
    await exec('go', ['build', '-o', join(half, program), `${NOTARY}/cmd/${program}`], { env });
  }
  await rename(half, directory);
  return directory;
}

/** Run by vitest before suites start side by side, since each of them needs the peer's programs. */
export async function setup(): Promise<void> {
  if (missingForPeer().length === 0) await buildPeer();
}
