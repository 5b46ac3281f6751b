import type { Command } from 'commander';
import { carriedOver, lockEntry, movedVersions, type LockEntry, type MovedVersion } from '../../reading/trust-lock.js';
import { CountersignError } from '../../tuf/errors.js';
import { parseGun, type Gun } from '../../tuf/names.js';
import { commandLine } from '../hint.js';
import { openLock, saveLock, type LockFile } from '../trust/locked.js';
import { withJson, withLock, withServer, type CommonOptions } from '../options.js';
import type { Run, Session } from '../session.js';

interface Moved {
  readonly gun: Gun;
  readonly entry: LockEntry;
  readonly moved: readonly MovedVersion[];
}

export function addUpdateLock(program: Command, run: Run): void {
  const command = program
    .command('update-lock')
    .argument('[name...]', 'only these collections; all that the file names unless given')
    .description('moves what trust.lock records forward to what is published now, and says what moved; never back');
  withJson(withLock(withServer(command), 'the file to move forward')).action(
    (names: string[], options: CommonOptions) =>
      run(options, async (session) => {
        const file = await openLock(session);
        const all: Moved[] = [];
        // Nothing is written before each was found to be later than what is recorded.
        for (const gun of chosen(file, names)) all.push(await newest(session, file, gun));
        await saveLock(session, file, new Map([...file.lock, ...all.map(({ gun, entry }) => [gun, entry] as const)]));
        tell(session, all);
      }),
  );
}

function chosen({ path, lock, raw }: LockFile, names: readonly string[]): readonly Gun[] {
  if (raw === undefined)
    throw new CountersignError('usage', `there is no ${path}`, {
      next: `Make it with \`${commandLine('pin', 'NAME')}\`.`,
    });
  const guns = names.map(parseGun);
  const stray = guns.find((gun) => !lock.has(gun));
  if (stray === undefined) return names.length === 0 ? [...lock.keys()] : [...new Set(guns)];
  throw new CountersignError('usage', `${path} does not name ${stray}`, {
    next: `Add it with \`${commandLine('pin', stray, '--lock', path)}\`.`,
  });
}

async function newest(session: Session, { path, how, lock }: LockFile, gun: Gun): Promise<Moved> {
  const before = lock.get(gun);
  if (before === undefined) throw new CountersignError('internal', `${gun} is not in ${path}`);
  const collection = await session.lockedCollection(gun, { path, how, entry: before });
  try {
    const { state } = await collection.refreshed();
    const shown = await lockEntry(state, before.server);
    return { gun, entry: carriedOver(before, shown), moved: movedVersions(before, shown) };
  } catch (error) {
    throw error instanceof CountersignError ? of(gun, error) : error;
  }
}

/** The same error, which of several collections it is about. */
function of(gun: Gun, cause: CountersignError): CountersignError {
  const { code, message, detail, next } = cause;
  return new CountersignError(code, `${gun}: ${message}`, { detail, cause, ...(next === undefined ? {} : { next }) });
}

function tell({ output, options }: Session, all: readonly Moved[]): void {
  if (options.json === true) {
    const plain = ({ role, from, to }: MovedVersion): object => ({ role, from: from ?? null, to: to ?? null });
    output.json(all.map(({ gun, moved }) => ({ name: gun, moved: moved.map(plain) })));
    return;
  }
  for (const { gun, moved } of all)
    output.line(`${gun}: ${moved.length === 0 ? 'nothing new' : moved.map(inWords).join(', ')}`);
}

function inWords({ role, from, to }: MovedVersion): string {
  if (to === undefined) return `${role} is no longer listed (its recorded version ${from} stays)`;
  return from === undefined ? `${role} ${to} is new` : `${role} ${from} → ${to}`;
}
