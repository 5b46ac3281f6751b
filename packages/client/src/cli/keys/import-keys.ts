import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import type { StoredKey } from '../../node/key-store.js';
import { labelsOf, readLabels, type KeyLabels } from '../../node/notary-key.js';
import { CountersignError, hasCode } from '../../tuf/errors.js';
import { count } from '../terminal/output.js';
import { readPassphrase } from '../terminal/passphrase.js';
import type { Session } from '../session.js';

/** Key files of one directory; nobody has more. */
const MAX_KEYS = 1000;
/** Bytes; a key file has about 700. */
const MAX_KEY_FILE = 64 * 1024;

/** Where `notary` and `docker` look for passphrases, by the role of the key; other roles are delegated ones. */
const ENVIRONMENT: ReadonlyMap<string | undefined, readonly string[]> = new Map([
  ['root', ['NOTARY_ROOT_PASSPHRASE', 'DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE']],
  ['targets', ['NOTARY_TARGETS_PASSPHRASE', 'DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE']],
  ['snapshot', ['NOTARY_SNAPSHOT_PASSPHRASE', 'DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE']],
]);
const DELEGATED = ['NOTARY_DELEGATION_PASSPHRASE', 'DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE'];

/** How what was imported is told: the one key of a file, all those of a directory. */
export interface Told {
  readonly one: (key: StoredKey) => void;
  readonly all: (keys: readonly StoredKey[]) => void;
}

/**
 * Takes over the key in a file, or those in a trust directory of `notary` or `docker`. Keys that cannot be opened do not keep
 * others out. @throws CountersignError `not-found`, `unsealed`
 */
export async function importKeys(
  session: Session,
  path: string,
  passphraseFile: string | undefined,
  told: Told,
): Promise<void> {
  const opens = passphraseFile === undefined ? undefined : await readPassphrase(passphraseFile);
  const isDirectory = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  // Ours first: asked for while the other is tried, it would pass for a wrong one.
  const ours = await session.passphraseForNewKeys();
  if (!isDirectory) {
    told.one(await importKey(session, { path, labels: {} }, ours, opens));
    return;
  }
  const files = await keyFilesIn(path);
  const keys: StoredKey[] = [];
  let failed: CountersignError | undefined;
  for (const file of files) {
    try {
      const key = await importKey(session, file, ours, opens);
      keys.push(key);
      if (session.options.json !== true) told.one(key);
    } catch (error) {
      if (!hasCode(error, 'unsealed', 'unsupported', 'too-large')) throw error;
      session.output.note(`${file.path}: ${error.message}`);
      failed ??= error;
    }
  }
  if (session.options.json === true) told.all(keys);
  if (failed === undefined) return;
  throw new CountersignError(
    failed.code,
    `${count(files.length - keys.length, 'key')} of ${files.length} not imported`,
    {
      cause: failed,
      next: 'Import those again with the right passphrase: --import-passphrase-file FILE, or the variables of notary and docker.',
    },
  );
}

interface KeyPath {
  readonly path: string;
  /** What its place says of it. */
  readonly labels: KeyLabels;
}

async function importKey(
  session: Session,
  { path, labels }: KeyPath,
  ours: string,
  opens: string | undefined,
): Promise<StoredKey> {
  const text = await readKeyFile(path);
  const take = (passphrase: string): Promise<StoredKey> => session.keys.import(text, passphrase, ours, labels);
  if (opens !== undefined) return take(opens);
  if (!text.includes('ENCRYPTED') && !text.trimStart().startsWith('{')) return take('');
  const { role } = { ...labels, ...readLabels(text).labels };
  for (const name of ENVIRONMENT.get(role) ?? DELEGATED) {
    const passphrase = session.io.env[name];
    if (passphrase === undefined || passphrase === '') continue;
    const key = await take(passphrase).catch((error: unknown) => {
      if (hasCode(error, 'unsealed')) return undefined;
      throw error;
    });
    if (key !== undefined) return key;
  }
  return session.passphrases.unlock(role === undefined ? path : `the ${role} key ${path}`, take);
}

async function readKeyFile(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new CountersignError('not-found', `the key file ${path} cannot be read`, { cause });
  });
  if (bytes.length <= MAX_KEY_FILE) return bytes.toString();
  throw new CountersignError('too-large', `${path} is too large for a key file`);
}

/** The `*.key` files below `private`, or below the directory where it has none such. */
async function keyFilesIn(directory: string): Promise<readonly KeyPath[]> {
  const inner = join(directory, 'private');
  const top = (await stat(inner).catch(() => undefined))?.isDirectory() === true ? inner : directory;
  const entries = await readdir(top, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.key'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  if (paths.length === 0)
    throw new CountersignError('not-found', `there are no key files (*.key) in ${directory}`, {
      next: 'Give a trust directory, such as ~/.docker/trust or ~/.notary, or one key file.',
    });
  if (paths.length > MAX_KEYS)
    throw new CountersignError('too-many', `there are more than ${MAX_KEYS} key files in ${directory}`);
  return paths.map((path) => ({ path, labels: labelsByPlace(relative(top, path)) }));
}

/** The layout before the one with headers: `root_keys/ID_root.key`, `tuf_keys/GUN/ID_targets.key`. */
function labelsByPlace(path: string): KeyLabels {
  const segments = path.split(sep);
  const [, role] = /^[0-9a-f]{64}_(.+)\.key$/u.exec(basename(path)) ?? [];
  const gun = segments[0] === 'tuf_keys' ? segments.slice(1, -1).join('/') : undefined;
  return labelsOf(role, gun);
}
