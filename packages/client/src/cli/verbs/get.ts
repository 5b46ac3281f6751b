import type { Command } from 'commander';
import { atOnce } from '../../http/at-once.js';
import { intoFile } from '../../node/download.js';
import { checkHosted } from '../../reading/elsewhere.js';
import type { FoundTarget } from '../../tuf/delegations.js';
import { CountersignError } from '../../tuf/errors.js';
import type { Updater } from '../../reading/updater.js';
import { checkHeld } from '../trust/bundled.js';
import { inPlace, placeFor, placesBelow, type Placed } from '../files/destination.js';
import { findTarget, targetAsJson } from '../found-target.js';
import { withJson, withBundle, type CommonOptions } from '../options.js';
import { count, size } from '../terminal/output.js';
import { progressBar } from '../terminal/progress.js';
import type { Run, Session } from '../session.js';

/** Downloads under way at once. */
const CONCURRENCY = 4;

interface GetOptions extends CommonOptions {
  readonly all?: true;
  readonly output?: string;
  readonly force?: true;
}

export function addGet(program: Command, run: Run): void {
  const command = program
    .command('get')
    .argument('<name>', 'the collection')
    .argument('[target]', 'the target to fetch')
    .option('-o, --output <path>', 'where to put it, a file or a directory; with --all, the directory')
    .option('--force', 'replace files that are there and differ')
    .option('--all', 'fetch every target, into a directory')
    .description('fetches a target; the file appears only when it was found genuine');
  withJson(withBundle(command)).action((name: string, target: string | undefined, options: GetOptions) =>
    run(options, async (session) => {
      checkUsage(target, options);
      const collection = await session.reader(name);
      const { updater, state } = await collection.refreshed();
      const found = target === undefined ? await everything(updater) : [await findTarget(collection, updater, target)];
      // Before a place is looked for it.
      for (const each of found) checkHosted(each, state.trust.final.context);
      if (collection.bundled !== undefined) checkHeld(collection.bundled, found, state);
      const items =
        target === undefined
          ? await placesBelow(options.output ?? '.', found)
          : await Promise.all(found.map((each) => placeFor(each, options.output)));
      const there = options.force === true ? new Set<Placed>() : await inPlace(items, session.crypto);
      await fetchAll(
        session,
        updater,
        items.filter((item) => !there.has(item)),
      );
      tell(session, items, there);
    }),
  );
}

function checkUsage(target: string | undefined, { all, output }: GetOptions): void {
  if ((target === undefined) !== (all === true))
    throw new CountersignError('usage', 'give either a target or --all', { next: 'See `countersign get --help`.' });
  if (output === '-') {
    throw new CountersignError('usage', 'a target cannot go to standard output: it is proved genuine only at its end', {
      next: 'Fetch it into a file, then read that.',
    });
  }
}

async function everything(updater: Updater): Promise<readonly FoundTarget[]> {
  const targets: FoundTarget[] = [];
  for await (const target of updater.list()) targets.push(target);
  return targets;
}

async function fetchAll(session: Session, updater: Updater, items: readonly Placed[]): Promise<void> {
  const bar = progressBar(session.io, 'Fetching');
  const total = items.reduce((sum, { target }) => sum + target.file.length, 0);
  let sum = 0;
  try {
    await atOnce(CONCURRENCY, items, async ({ target, destination }, stopped) => {
      let before = 0;
      await updater.download(target, intoFile(destination), {
        signal: stopped,
        onProgress: (bytes) => {
          sum += bytes - before;
          before = bytes;
          bar.update(sum, total);
        },
      });
    });
  } finally {
    bar.stop();
  }
}

function tell({ output, options }: Session, items: readonly Placed[], there: ReadonlySet<Placed>): void {
  if (options.json === true) {
    output.json(items.map(({ target, destination }) => ({ ...targetAsJson(target), file: destination })));
    return;
  }
  const [only] = items;
  const bytes = items.reduce((sum, item) => sum + (there.has(item) ? 0 : item.target.file.length), 0);
  if (items.length === 1 && only !== undefined) {
    const { path, role, file } = only.target;
    const already = there.has(only) ? 'already there, ' : '';
    output.line(`${path} (${size(file.length)}), signed for by ${role}, is ${already}in ${only.destination}`);
    return;
  }
  const already = there.size === 0 ? '' : `; ${count(there.size, 'was', 'were')} there already`;
  output.line(`${count(items.length - there.size, 'target')} fetched (${size(bytes)})${already}.`);
}
