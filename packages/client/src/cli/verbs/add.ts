import { InvalidArgumentError, type Command } from 'commander';
import { sameTarget } from '../../publishing/apply-changes.js';
import { stage, type AddTarget, type TargetChange } from '../../publishing/changes.js';
import { hexDecode } from '../../tuf/encoding.js';
import { CountersignError } from '../../tuf/errors.js';
import type { TargetFile, Targets } from '../../tuf/model.js';
import { parseSaneTargetPath, type RoleName, type TargetPath } from '../../tuf/names.js';
import { covers } from '../../tuf/paths.js';
import { roleNamed, type Collection } from '../collection.js';
import { knownRoles } from '../keys/known-roles.js';
import { withJson, withTrust, type CommonOptions } from '../options.js';
import { count, size, type Output } from '../terminal/output.js';
import { describeFile, scanFiles, type FoundFile } from '../files/scan-files.js';
import type { Run, Session } from '../session.js';
import { changesAsJson } from '../files/staged.js';

interface AddOptions extends CommonOptions {
  readonly as?: string;
  readonly role?: string;
  readonly sha256?: Uint8Array;
  readonly length?: number;
}

export function addAdd(program: Command, run: Run): void {
  const command = program
    .command('add')
    .argument('<name>', 'the collection')
    .argument('<file...>', 'files, and directories with everything in them')
    .option('--as <target>', 'another name for the target; ending in a slash, a directory to put them into')
    .option('--role <role>', 'the delegated role that is to list them')
    .option(
      '--sha256 <digest>',
      'list what is kept elsewhere by its digest: FILE is then the name of the target',
      sha256,
    )
    .option('--length <bytes>', 'how long that is', bytes)
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
  const { names, files, passedOver, empty } = await described(session, paths, options);
  const seen = await collection.lastSeen(role);
  await checkCovered(session, collection, role, names);
  let changes = await collection.home.changes();
  const staged: AddTarget[] = [];
  let found = 0;
  for await (const file of files) {
    found += 1;
    session.io.signal?.throwIfAborted();
    const change = changeFor(file, role, seen);
    const unchanged = sameTarget(change.base.content, change.file);
    changes = unchanged ? without(changes, change) : stage(changes, change);
    if (!unchanged) staged.push(change);
  }
  await collection.home.saveChanges(changes);
  const unchanged = found - staged.length;
  if (session.options.json === true)
    output.json({ name: collection.gun, staged: changesAsJson(staged), unchanged, passedOver, empty });
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

interface Described {
  readonly path: TargetPath;
  readonly file: TargetFile;
  readonly source?: string;
}

async function described(
  { crypto }: Session,
  paths: readonly string[],
  { as, sha256: digest, length }: AddOptions,
): Promise<{
  readonly names: readonly TargetPath[];
  readonly files: AsyncIterable<Described> | readonly Described[];
  readonly passedOver: readonly string[];
  readonly empty: readonly string[];
}> {
  if (digest === undefined && length === undefined) {
    const { files, ...rest } = await scanFiles(paths, as);
    return { names: files.map(({ path }) => path), files: describedFiles(files, crypto), ...rest };
  }
  const [name] = paths;
  if (digest === undefined || length === undefined || name === undefined || paths.length > 1 || as !== undefined) {
    throw new CountersignError('usage', '--sha256 and --length describe one target together', {
      next: 'Give them with the one name of the target: add NAME TARGET --sha256 DIGEST --length BYTES.',
    });
  }
  const path = parseSaneTargetPath(name);
  const files = [{ path, file: { length, hashes: new Map([['sha256', digest]]) } }];
  return { names: [path], files, passedOver: [], empty: [] };
}

async function* describedFiles(
  files: readonly FoundFile[],
  crypto: Session['crypto'],
): AsyncGenerator<Described, void, undefined> {
  for (const { path, source } of files) yield { path, source, file: await describeFile(source, crypto) };
}

function sha256(text: string): Uint8Array {
  const [, hex] = /^(?:sha256:)?([0-9a-f]{64})$/iu.exec(text) ?? [];
  const digest = hex === undefined ? undefined : hexDecode(hex.toLowerCase());
  if (digest !== undefined) return digest;
  throw new InvalidArgumentError('Give 64 hexadecimal digits.');
}

function bytes(text: string): number {
  if (/^\d{1,15}$/u.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a number of bytes.');
}

function changeFor({ path, file, source }: Described, role: RoleName, seen: Targets | undefined): AddTarget {
  return {
    kind: 'add',
    role,
    path,
    file,
    ...(source === undefined ? {} : { source }),
    base: { version: seen?.version ?? 0, content: seen?.targets.get(path) },
  };
}

/** A role that is known to be delegated other paths would be refused when it is published. */
async function checkCovered(
  { crypto }: Session,
  collection: Collection,
  role: RoleName,
  names: readonly TargetPath[],
): Promise<void> {
  const known = (await knownRoles(collection.home)).filter(({ name }) => name === role);
  if (known.length === 0) return;
  const outside = names.find((path) => !known.some(({ paths }) => paths === undefined || covers(paths, path, crypto)));
  if (outside === undefined) return;
  throw new CountersignError(
    'delegation',
    `${role} may not list ${outside}: that is outside the paths delegated to it`,
    {
      detail: { role, target: outside },
      next: `See \`${collection.command('delegation list')}\`; give it another name with --as.`,
    },
  );
}

function without(changes: readonly TargetChange[], change: TargetChange): readonly TargetChange[] {
  return changes.filter((other) => other.role !== change.role || other.path !== change.path);
}
