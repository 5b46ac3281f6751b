import type { Command } from 'commander';
import type { TargetChange } from '../../publishing/changes.js';
import { formatOfRoot } from '../../reading/root-format.js';
import type { AnyDocument } from '../../tuf/model.js';
import { formatInstant, ROOT, TARGETS, type RoleName } from '../../tuf/names.js';
import type { Collection } from '../collection.js';
import { withJson, type CommonOptions } from '../options.js';
import { count, size, whenExpires } from '../terminal/output.js';
import type { Run, Session } from '../session.js';
import { changesAsJson } from '../files/staged.js';
import { nothingKnown } from '../trust/unknown-collection.js';

export function addStatus(program: Command, run: Run): void {
  const command = program
    .command('status')
    .argument('<name>', 'the collection')
    .description('shows what is staged, and what was last seen of the collection; asks nobody');
  withJson(command).action((name: string, options: CommonOptions) =>
    run(options, async (session) => {
      const collection = await session.collection(name);
      const changes = await collection.home.changes();
      const known = await lastSeen(session, collection);
      if (known.length === 0 && changes.length === 0 && !(await isUnpublished(collection)))
        throw await nothingKnown(collection);
      if (options.json === true)
        session.output.json(report(collection, await isUnpublished(collection), known, changes));
      else await show(session, collection, known, changes);
    }),
  );
}

interface Known {
  readonly role: RoleName;
  readonly document: AnyDocument;
}

async function lastSeen(session: Session, { home }: Collection): Promise<readonly Known[]> {
  const root = await home.metadata.load(ROOT);
  const targets = await home.metadata.load(TARGETS);
  const format = root === undefined ? session.format : formatOfRoot(root);
  return [
    ...(root === undefined ? [] : [{ role: ROOT, document: format.parseRoot(root).signed }]),
    ...(targets === undefined ? [] : [{ role: TARGETS, document: format.parseTargets(targets).signed }]),
  ];
}

async function isUnpublished({ home }: Collection): Promise<boolean> {
  return (await home.firstRoot()) !== undefined;
}

function report(
  collection: Collection,
  unpublished: boolean,
  known: readonly Known[],
  changes: readonly TargetChange[],
): object {
  return {
    name: collection.gun,
    published: unpublished ? false : known.length > 0 ? true : null,
    roles: known.map(({ role, document }) => ({
      role,
      version: document.version,
      expires: formatInstant(document.expires),
    })),
    changes: changesAsJson(changes),
  };
}

async function show(
  session: Session,
  collection: Collection,
  known: readonly Known[],
  changes: readonly TargetChange[],
): Promise<void> {
  const { output } = session;
  if (await isUnpublished(collection)) output.line(`${collection.gun} is not published yet.`);
  else if (known.length === 0) output.line(`Nothing was seen of ${collection.gun} yet.`);
  else {
    output.line(`${collection.gun}, as last seen:`);
    for (const { role, document } of known)
      output.line(`  ${role} version ${document.version}, expires ${whenExpires(document.expires, session.now)}`);
  }
  output.line();
  if (changes.length === 0) {
    output.line('Nothing is staged.');
    return;
  }
  output.line(`${count(changes.length, 'change')} staged, to be published with \`${collection.command('publish')}\`:`);
  output.table(['', 'CHANGE', 'TARGET', 'SIZE', 'ROLE'], changes.map(row));
}

function row(change: TargetChange): readonly string[] {
  if (change.kind === 'remove') return ['', 'remove', change.path, '', change.role];
  const what = change.base.content === undefined ? 'add' : 'change';
  return ['', what, change.path, size(change.file.length), change.role];
}
