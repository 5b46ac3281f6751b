import type { Command } from 'commander';
import { sameTarget } from '../../apply-changes.js';
import { stage, type AddTarget, type TargetChange } from '../../changes.js';
import { CountersignError } from '../../tuf/errors.js';
import type { Targets } from '../../tuf/model.js';
import type { RoleName } from '../../tuf/names.js';
import { covers } from '../../tuf/paths.js';
import { roleNamed, type Collection } from '../collection.js';
import { knownRoles } from '../known-roles.js';
import { withJson, withTrust, type CommonOptions } from '../options.js';
import { count, size, type Output } from '../output.js';
import { describeFile, scanFiles, type FoundFile } from '../scan-files.js';
import type { Run, Session } from '../session.js';
import { asJson } from '../staged.js';

interface AddOptions extends CommonOptions {
  readonly as?: string;
  readonly role?: string;
}

export function addAdd(program: Command, run: Run): void {
  const command = program
    .command('add')
    .argument('<name>', 'the collection')
    .argument('<file...>', 'files, and directories with everything in them')
    .option('--as <target>', 'another name for the target; ending in a slash, a directory to put them into')
    .option('--role <role>', 'the delegated role that is to list them')
    .description('stages files to be published; nothing leaves this machine yet');
  withJson(withTrust(command)).action((name: string, files: string[], options: AddOptions) =>
    run(options, async (session) => {
      const collection = await session.collection(name);
      await collection.home.exclusively(() => add(session, collection, files, options));
    }),
  );
}

async function add(
  session: Session,
  collection: Collection,
  paths: readonly string[],
  options: AddOptions,
): Promise<void> {
  const { output } = session;
  const role = roleNamed(options.role);
  const { files, passedOver, empty } = await scanFiles(paths, options.as);
  const seen = await collection.lastSeen(role);
  await checkCovered(session, collection, role, files);
  let changes = await collection.home.changes();
  const staged: AddTarget[] = [];
  for (const file of files) {
    session.io.signal?.throwIfAborted();
    const change = await changeFor(session, file, role, seen);
    const unchanged = sameTarget(change.base.content, change.file);
    changes = unchanged ? without(changes, change) : stage(changes, change);
    if (!unchanged) staged.push(change);
  }
  await collection.home.saveChanges(changes);
  const unchanged = files.length - staged.length;
  if (session.options.json === true)
    output.json({ name: collection.gun, staged: asJson(staged), unchanged, passedOver, empty });
  else tell(output, staged, unchanged, passedOver, empty);
}

/** Longer lists tell a person nothing; `status` shows everything. */
const SHOWN = 20;

function tell(
  output: Output,
  staged: readonly AddTarget[],
  unchanged: number,
  passedOver: readonly string[],
  empty: readonly string[],
): void {
  for (const { path, file, base } of staged.slice(0, SHOWN))
    output.line(`  ${base.content === undefined ? 'add   ' : 'change'}  ${path}  (${size(file.length)})`);
  if (staged.length > SHOWN) output.line(`  … and ${staged.length - SHOWN} more`);
  for (const path of passedOver) output.note(`passed over ${path}: neither a file nor a directory`);
  for (const path of empty) output.note(`there is no file in ${path}: nothing of it is staged`);
  const bytes = staged.reduce((sum, { file }) => sum + file.length, 0);
  const rest =
    unchanged === 0
      ? ''
      : `; ${count(unchanged, 'file is published as it is', 'files are published as they are')} already`;
  output.line(`${count(staged.length, 'file')} staged (${size(bytes)})${rest}.`);
}

async function changeFor(
  session: Session,
  { path, source }: FoundFile,
  role: RoleName,
  seen: Targets | undefined,
): Promise<AddTarget> {
  const file = await describeFile(source, session.crypto);
  return {
    kind: 'add',
    role,
    path,
    file,
    source,
    base: { version: seen?.version ?? 0, content: seen?.targets.get(path) },
  };
}

/** A role that is known to be delegated other paths would be refused when it is published. */
async function checkCovered(
  { format, crypto }: Session,
  collection: Collection,
  role: RoleName,
  files: readonly FoundFile[],
): Promise<void> {
  const known = (await knownRoles(collection.home, format)).filter(({ name }) => name === role);
  if (known.length === 0) return;
  const outside = files.find(
    ({ path }) => !known.some(({ paths }) => paths === undefined || covers(paths, path, crypto)),
  );
  if (outside === undefined) return;
  throw new CountersignError(
    'delegation',
    `${role} may not list ${outside.path}: that is outside the paths delegated to it`,
    {
      detail: { role, target: outside.path },
      next: `See \`${collection.command('delegation list')}\`; give it another name with --as.`,
    },
  );
}

function without(changes: readonly TargetChange[], change: TargetChange): readonly TargetChange[] {
  return changes.filter((other) => other.role !== change.role || other.path !== change.path);
}
