import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { writeBundle } from '../../bundle/bundle.js';
import { checkHosted } from '../../reading/elsewhere.js';
import { bundledFiles } from '../../bundle/make-bundle.js';
import { putChunks } from '../../node/download.js';
import { rootChain } from '../../reading/root-chain.js';
import { StateFiles } from '../../bundle/state-files.js';
import type { FoundTarget } from '../../tuf/delegations.js';
import { CountersignError } from '../../tuf/errors.js';
import { parseTargetPath } from '../../tuf/names.js';
import type { Updater } from '../../reading/updater.js';
import type { Collection } from '../collection.js';
import { noTarget, targetAsJson } from '../found-target.js';
import { withJson, withReading, type CommonOptions } from '../options.js';
import { count, size, whenExpires } from '../terminal/output.js';
import { progressBar } from '../terminal/progress.js';
import type { Run, Session } from '../session.js';
import { means } from '../files/staged.js';
import { versionsIn, whenStateExpires } from '../state-report.js';

interface BundleOptions extends CommonOptions {
  readonly output: string;
  readonly all?: true;
  readonly force?: true;
}

export function addBundle(program: Command, run: Run): void {
  const command = program
    .command('bundle')
    .argument('<name>', 'the collection')
    .argument('[target...]', 'targets to put in, with a slash everything below; then only the roles that lead to them')
    .requiredOption('-o, --output <file>', 'the file to write')
    .option('--all', 'put every target in')
    .option('--force', 'replace a file that is there')
    .description('writes all that proves a collection genuine into one file, for readers without a network');
  withJson(withReading(command)).action((name: string, typed: string[], options: BundleOptions) =>
    run(options, async (session) => {
      await checkUsage(typed, options);
      const collection = await session.reader(name);
      const { updater, state } = await collection.refreshed();
      const files = new StateFiles(state);
      const targets = await chosen({ collection, updater, files }, typed, options);
      for (const each of targets) checkHosted(each, state.trust.final.context);
      const { gun, urls, fetch } = collection;
      const roots = await rootChain({ gun, urls, fetch, now: session.now }, state);
      await write(session, collection, updater, { roots, files, targets }, options.output);
      await tell(session, collection, updater, targets, options.output);
    }),
  );
}

async function checkUsage(typed: readonly string[], { all, force, output }: BundleOptions): Promise<void> {
  if (all === true && typed.length > 0)
    throw new CountersignError('usage', 'give either targets or --all', { next: 'See `countersign bundle --help`.' });
  if (force === true || (await stat(output).catch(() => undefined)) === undefined) return;
  throw new CountersignError('usage', `${output} is there already`, {
    next: 'Choose another name; or give --force to replace it.',
  });
}

interface Source {
  readonly collection: Collection;
  readonly updater: Updater;
  readonly files: StateFiles;
}

/** The targets that are wanted. Where none is named, every role is read, so that all of them can be verified later. */
async function chosen(
  { collection, updater, files }: Source,
  typed: readonly string[],
  { all }: BundleOptions,
): Promise<readonly FoundTarget[]> {
  const found: FoundTarget[] = [];
  if (typed.length === 0 || typed.some((each) => each.endsWith('/'))) {
    for await (const target of files.targets())
      if (all === true || typed.some((each) => means(each, target.path))) found.push(target);
  }
  for (const each of typed) {
    if (found.some(({ path }) => means(each, path))) continue;
    const target = each.endsWith('/') ? undefined : await files.find(parseTargetPath(each));
    if (target === undefined) throw await noTarget(collection, updater, each);
    found.push(target);
  }
  return found;
}

async function write(
  session: Session,
  { gun }: Collection,
  updater: Updater,
  contents: Parameters<typeof bundledFiles>[1],
  output: string,
): Promise<void> {
  const bar = progressBar(session.io, 'Fetching');
  const total = contents.targets.reduce((sum, { file }) => sum + file.length, 0);
  let done = 0;
  try {
    const files = bundledFiles(updater, contents, (bytes) => bar.update((done += bytes), total));
    await putChunks(output, writeBundle(gun, files));
  } finally {
    bar.stop();
  }
}

async function tell(
  { output, options, now }: Session,
  { gun }: Collection,
  updater: Updater,
  targets: readonly FoundTarget[],
  file: string,
): Promise<void> {
  const state = await updater.state();
  const { size: bytes } = await stat(file);
  const expires = whenStateExpires(state);
  if (options.json === true) {
    const versions = versionsIn(state);
    output.json({ name: gun, file, bytes, versions, expires: expires.text, targets: targets.map(targetAsJson) });
    return;
  }
  output.line(`${file} (${size(bytes)}) holds ${gun} and ${count(targets.length, 'target')} of it.`);
  output.line(`Expires  ${whenExpires(expires.moment, now)}`);
}
