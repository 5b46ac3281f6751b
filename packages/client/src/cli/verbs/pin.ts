import type { Command } from 'commander';
import { fingerprint } from '../../reading/pinning.js';
import { carriedOver, lockEntry, movedVersions, type LockEntry } from '../../reading/trust-lock.js';
import { equalBytes } from '../../tuf/encoding.js';
import { CountersignError } from '../../tuf/errors.js';
import type { Gun } from '../../tuf/names.js';
import { commandLine } from '../hint.js';
import { openLock, saveLock, type LockFile } from '../trust/locked.js';
import { withJson, withLock, withTrust, type CommonOptions } from '../options.js';
import type { Run, Session } from '../session.js';

interface PinOptions extends CommonOptions {
  readonly force?: true;
}

export function addPin(program: Command, run: Run): void {
  const command = program
    .command('pin')
    .argument('<name>', 'the collection')
    .option('--force', 'replace what the file records of the collection')
    .description('records root, versions and server of a collection in trust.lock, to be kept in version control');
  withJson(withLock(withTrust(command), 'the file to write')).action((name: string, options: PinOptions) =>
    run(options, async (session) => {
      const file = await openLock(session);
      const collection = await session.collection(name);
      const { state } = await collection.refreshed();
      const entry = replacing(file, collection.gun, await lockEntry(state, collection.serverUrl), options);
      await saveLock(session, file, new Map([...file.lock, [collection.gun, entry]]));
      tell(session, file.path, collection.gun, entry);
    }),
  );
}

/** What to record in place of what is recorded already. @throws CountersignError `conflict` where that is something else */
function replacing({ path, lock }: LockFile, gun: Gun, shown: LockEntry, { force }: PinOptions): LockEntry {
  const before = lock.get(gun);
  if (before === undefined || force === true) return shown;
  const entry = carriedOver(before, shown);
  if (equalBytes(before.root, entry.root) && movedVersions(before, entry).length === 0) return entry;
  throw new CountersignError('conflict', `${path} records another state of ${gun} already`, {
    next: `To move it forward: \`${commandLine('update-lock', gun, '--lock', path)}\`; to record this state instead: --force.`,
  });
}

function tell({ output, options, crypto }: Session, path: string, gun: Gun, entry: LockEntry): void {
  const root = fingerprint(entry.root, crypto);
  const versions = Object.fromEntries(entry.versions);
  if (options.json === true) {
    output.json({ name: gun, file: path, server: entry.server, root, versions });
    return;
  }
  const reached = [...entry.versions].map(([role, version]) => `${role} ${version}`).join(', ');
  output.line(`${path} records ${gun}: ${reached}`);
  output.line(`Root fingerprint  ${root}`);
}
