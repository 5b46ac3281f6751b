import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { downloadTarget } from '../../node/download.js';
import type { FoundTarget } from '../../tuf/delegations.js';
import { CountersignError } from '../../tuf/errors.js';
import { parseSaneTargetPath } from '../../tuf/names.js';
import type { Updater } from '../../updater.js';
import { withJson, withTrust, type CommonOptions } from '../options.js';
import { count, size } from '../output.js';
import { progressBar } from '../progress.js';
import type { Run, Session } from '../session.js';
import { asJson } from './list.js';

/** Downloads under way at once. */
const CONCURRENCY = 4;

interface GetOptions extends CommonOptions {
  readonly all?: true;
  readonly output?: string;
}

interface Item {
  readonly target: FoundTarget;
  readonly destination: string;
}

export function addGet(program: Command, run: Run): void {
  const command = program
    .command('get')
    .argument('<name>', 'the collection')
    .argument('[target]', 'the target to fetch')
    .option('-o, --output <file>', 'where to put it; with --all, the directory')
    .option('--all', 'fetch every target, into a directory')
    .description('fetches a target; the file appears only when it was found genuine');
  withJson(withTrust(command)).action((name: string, target: string | undefined, options: GetOptions) =>
    run(options, async (session) => {
      checkUsage(target, options);
      const collection = await session.collection(name);
      const { updater } = await collection.refreshed();
      const items =
        target === undefined
          ? await everything(updater, options.output ?? '.')
          : [await one(updater, target, options.output)];
      await fetchAll(session, updater, items);
      tell(session, items);
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

async function one(updater: Updater, path: string, output: string | undefined): Promise<Item> {
  const target = await updater.getTarget(path);
  if (target === undefined) throw noTarget(path);
  // A name from strangers must not choose a place outside this directory.
  return { target, destination: resolve(output ?? basename(parseSaneTargetPath(target.path))) };
}

async function everything(updater: Updater, directory: string): Promise<readonly Item[]> {
  const items: Item[] = [];
  for await (const target of updater.listTargets())
    items.push({ target, destination: join(resolve(directory), parseSaneTargetPath(target.path)) });
  return items;
}

async function fetchAll(session: Session, updater: Updater, items: readonly Item[]): Promise<void> {
  const bar = progressBar(session.io, 'Fetching');
  const total = items.reduce((sum, { target }) => sum + target.file.length, 0);
  const done = new Map<Item, number>();
  let sum = 0;
  const waiting = items.values();
  const work = async (): Promise<void> => {
    for (const item of waiting) {
      await downloadTarget(updater, item.target, item.destination, {
        onProgress: (bytes) => {
          sum += bytes - (done.get(item) ?? 0);
          done.set(item, bytes);
          bar.update(sum, total);
        },
      });
    }
  };
  try {
    await settleAll(Array.from({ length: Math.min(CONCURRENCY, items.length) }, work));
  } finally {
    bar.stop();
  }
}

/** Waits for all, so that none is still writing when the command ends; then throws the first failure. */
async function settleAll(works: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(works)) if (result.status === 'rejected') throw result.reason;
}

function tell({ output, options }: Session, items: readonly Item[]): void {
  if (options.json === true) {
    output.json(items.map(({ target, destination }) => ({ ...asJson(target), file: destination })));
    return;
  }
  const [only] = items;
  const bytes = items.reduce((sum, { target }) => sum + target.file.length, 0);
  if (items.length === 1 && only !== undefined) {
    output.line(`${only.target.path} (${size(bytes)}), signed for by ${only.target.role}, is in ${only.destination}`);
  } else output.line(`${count(items.length, 'target')} fetched (${size(bytes)}).`);
}

export function noTarget(path: string): CountersignError {
  return new CountersignError('not-found', `no role of the collection lists ${path}`, {
    detail: { target: path },
    next: 'See `countersign list`.',
  });
}
