import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errorCode, writeAtomically } from '../../node/atomic-file.js';
import { MAX_LOCK, readLock, writeLock, type LockEntry, type TrustLock } from '../../reading/trust-lock.js';
import type { Crypto } from '../../tuf/crypto.js';
import { equalBytes } from '../../tuf/encoding.js';
import { CountersignError } from '../../tuf/errors.js';
import type { Gun } from '../../tuf/names.js';
import { commandLine } from '../hint.js';
import type { CommandIo } from '../terminal/io.js';
import { saysWhomToBelieve, type CommonOptions } from '../options.js';

/** Its name where no other is given. */
const LOCK = 'trust.lock';
const NEXT = 'Check --lock; or read without it: --no-lock.';

interface LockContext {
  readonly io: Pick<CommandIo, 'env' | 'cwd'>;
  readonly options: CommonOptions;
  readonly crypto: Pick<Crypto, 'hash'>;
}

/** One collection as a lock file has it. */
export interface Locked extends Pick<LockFile, 'path' | 'how'> {
  readonly entry: LockEntry;
}

/** A lock file as it was read; one that is not there yet is empty. */
export interface LockFile {
  readonly path: string;
  /** `found`: nobody named it, but it lies in the current directory. */
  readonly how: 'given' | 'found';
  readonly lock: TrustLock;
  readonly raw: Uint8Array | undefined;
}

/**
 * What is locked of a collection; undefined where nobody asks for a lock and none lies here that names it.
 * @throws CountersignError `usage` where a lock is damaged, or one that was asked for does not name the collection
 */
export async function findLocked(context: LockContext, gun: Gun): Promise<Locked | undefined> {
  if (context.options.lock === false) return undefined;
  const given = givenLock(context);
  const believes = saysWhomToBelieve(context.options);
  if (given !== undefined && believes) {
    throw new CountersignError('usage', `both ${given} and an option say whom to believe`, {
      next: 'Leave out the option; or give --no-lock.',
    });
  }
  if (believes) return undefined;
  const { path, how, lock, raw } = await openLock(context);
  const entry = lock.get(gun);
  if (entry !== undefined) return { path, how, entry };
  if (how === 'found') return undefined;
  throw new CountersignError('usage', raw === undefined ? `there is no ${path}` : `${path} does not name ${gun}`, {
    next: `Add it with \`${commandLine('pin', gun, '--lock', path)}\`; or read without it: --no-lock.`,
  });
}

/** The lock file that is named, or that of the current directory. @throws CountersignError `usage` where it is damaged */
export async function openLock(context: LockContext): Promise<LockFile> {
  const given = givenLock(context);
  const path = given ?? LOCK;
  const raw = await readIfThere(placeOf(context, path), path);
  return {
    path,
    how: given === undefined ? 'found' : 'given',
    raw,
    lock: raw === undefined ? new Map() : readLock(raw, context.crypto, path),
  };
}

/**
 * Replaces what `file` was read from. @throws CountersignError `conflict` where somebody else has changed it since, and as
 * `writeAtomically`
 */
export async function saveLock(context: LockContext, file: LockFile, lock: TrustLock): Promise<void> {
  const place = placeOf(context, file.path);
  const now = await readIfThere(place, file.path);
  const same = now === undefined || file.raw === undefined ? now === file.raw : equalBytes(now, file.raw);
  if (!same)
    throw new CountersignError('conflict', `${file.path} was changed meanwhile`, { next: 'Run the command again.' });
  const next = writeLock(lock, context.crypto);
  if (now === undefined || !equalBytes(now, next)) await writeAtomically(place, next);
}

/** Why a collection is refused to who reads it by a lock; `pin`: the command that would record another state. */
export function explainLocked(
  error: CountersignError,
  { path, entry, as, pin }: Locked & { readonly as: 'user' | 'anonymous'; readonly pin: string },
): CountersignError {
  const { code, message, detail } = error;
  const isRecorded = [...entry.versions].some(([role, version]) => role === detail.role && version === detail.current);
  const next =
    code === 'unauthorized' && as === 'anonymous'
      ? `It was not told who you are, since only ${path} names it: give --lock ${path} to log in there.`
      : code === 'rollback' && isRecorded
        ? `Do not use it: ${path} records a later state. Only if its publisher says that it is gone for good: \`${pin}\`.`
        : undefined;
  return next === undefined ? error : new CountersignError(code, message, { detail, next, cause: error });
}

function givenLock({ options, io }: LockContext): string | undefined {
  const { lock } = options;
  const environment = io.env['COUNTERSIGN_LOCK'];
  return typeof lock === 'string' ? lock : environment === '' ? undefined : environment;
}

function placeOf({ io }: LockContext, path: string): string {
  return resolve(io.cwd ?? '.', path);
}

async function readIfThere(place: string, path: string): Promise<Uint8Array | undefined> {
  try {
    const found = await stat(place);
    if (!found.isFile()) throw new CountersignError('usage', `${path} is no file`, { next: NEXT });
    if (found.size > MAX_LOCK)
      throw new CountersignError('usage', `${path} has more than ${MAX_LOCK} bytes`, { next: NEXT });
    return new Uint8Array(await readFile(place));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    if (error instanceof CountersignError) throw error;
    throw new CountersignError('usage', `${path} cannot be read`, { cause: error, next: NEXT });
  }
}
