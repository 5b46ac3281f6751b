import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { BundleContents } from '../../bundle/make-bundle.js';
import { withLock } from '../../node/lock.js';
import { mirror, type Mirrored } from '../../node/mirror.js';
import { rootChain } from '../../reading/root-chain.js';
import { StateFiles } from '../../bundle/state-files.js';
import type { TrustedState } from '../../reading/state.js';
import type { FoundTarget } from '../../tuf/delegations.js';
import { CountersignError } from '../../tuf/errors.js';
import type { Gun } from '../../tuf/names.js';
import type { Collection } from '../collection.js';
import { withJson, withReading, type CommonOptions } from '../options.js';
import { count, whenExpires } from '../terminal/output.js';
import { progressBar } from '../terminal/progress.js';
import type { Run, Session } from '../session.js';
import { versionsIn, whenStateExpires } from '../state-report.js';

/** Beside what is served, so that two commands do not write to a mirror at once. */
const LOCK = '.countersign-mirror.lock';

interface CommandOptions extends CommonOptions {
  readonly prune?: true;
}

export function addMirror(program: Command, run: Run): void {
  const command = program
    .command('mirror')
    .argument('<name>', 'the collection')
    .argument('<directory>', 'where to write metadata/ and targets/')
    .option('--prune', 'remove what the current state does not need, though readers of the one before may')
    .description('writes a collection as files that any web server can hand out to TUF clients; again, what is new');
  withJson(withReading(command)).action((name: string, directory: string, options: CommandOptions) =>
    run(options, async (session) => {
      const collection = await session.reader(name);
      const { updater, state } = await collection.refreshed();
      checkMirrorable(session, collection.gun, state);
      await mkdir(directory, { recursive: true });
      const keep = options.prune === true ? 'current' : 'all';
      const mirrored = await withLock(join(directory, LOCK), session.process, async () => {
        const contents = await everything(session, collection, state);
        return write(session, contents, (onBytes) => mirror(directory, updater, contents, { keep, onBytes }));
      });
      tell(session, { gun: collection.gun, directory, state, mirrored });
    }),
  );
}

/** @throws CountersignError `unsupported` for collections whose clients need a server */
function checkMirrorable({ output }: Session, gun: Gun, { trust }: TrustedState): void {
  if (trust.final.context.format.rules.targetFiles === 'elsewhere') {
    throw new CountersignError('unsupported', `${gun} is of Docker Content Trust, whose clients need a trust server`, {
      next: 'For readers without a network: `countersign bundle`; to another server: `countersign import`.',
    });
  }
  if (!trust.final.root.signed.consistentSnapshot)
    output.note(`${gun} has no consistent snapshots: who reads while this writes may meet files of two states`);
}

async function everything({ now }: Session, collection: Collection, state: TrustedState): Promise<BundleContents> {
  const files = new StateFiles(state);
  const targets: FoundTarget[] = [];
  for await (const target of files.targets()) targets.push(target);
  const { gun, urls, fetch } = collection;
  return { roots: await rootChain({ gun, urls, fetch, now }, state), files, targets };
}

/** Does `work` with a progress bar, which it tells of each chunk's bytes. */
async function write<T>(
  { io }: Session,
  { targets }: BundleContents,
  work: (onBytes: (bytes: number) => void) => Promise<T>,
): Promise<T> {
  const bar = progressBar(io, 'Fetching');
  const total = targets.reduce((sum, { file }) => sum + file.length, 0);
  let done = 0;
  try {
    return await work((bytes) => bar.update((done += bytes), total));
  } finally {
    bar.stop();
  }
}

interface Told {
  readonly gun: Gun;
  readonly directory: string;
  readonly state: TrustedState;
  readonly mirrored: Mirrored;
}

function tell({ output, options, now }: Session, { gun, directory, state, mirrored }: Told): void {
  const { written, kept, removed } = mirrored;
  const expires = whenStateExpires(state);
  if (options.json === true) {
    const versions = versionsIn(state);
    output.json({ name: gun, directory, versions, expires: expires.text, written, kept, removed });
    return;
  }
  const gone = removed === 0 ? '' : `, ${removed} removed`;
  output.line(`${directory} mirrors ${gun}: ${count(written, 'file')} written, ${kept} there already${gone}.`);
  output.line(`Expires  ${whenExpires(expires.moment, now)}`);
}
