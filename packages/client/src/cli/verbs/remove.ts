import type { Command } from 'commander';
import { stage } from '../../publishing/changes.js';
import { CountersignError } from '../../tuf/errors.js';
import type { RoleName, TargetPath } from '../../tuf/names.js';
import { roleNamed, type Collection } from '../collection.js';
import { withJson, withTrust, type CommonOptions } from '../options.js';
import { count } from '../terminal/output.js';
import type { Run, Session } from '../session.js';
import { similar } from '../../similar.js';
import { changesAsJson, means } from '../files/staged.js';

interface RemoveOptions extends CommonOptions {
  readonly role?: string;
}

export function addRemove(program: Command, run: Run): void {
  const command = program
    .command('remove')
    .argument('<name>', 'the collection')
    .argument('<target...>', 'targets; one that ends in a slash stands for everything below it')
    .option('--role <role>', 'the delegated role that lists them')
    .description('stages the withdrawal of targets');
  withJson(withTrust(command)).action((name: string, targets: string[], options: RemoveOptions) =>
    run(options, async (session) => {
      const collection = await session.collection(name);
      await collection.home.exclusively(() => remove(session, collection, targets, roleNamed(options.role)));
    }),
  );
}

async function remove(
  session: Session,
  collection: Collection,
  names: readonly string[],
  role: RoleName,
): Promise<void> {
  const seen = await collection.lastSeen(role);
  const before = await collection.home.changes();
  let changes = before;
  const staged = before.filter((change) => change.role === role && change.kind === 'add');
  const known = new Set([...(seen?.targets.keys() ?? []), ...staged.map(({ path }) => path)]);
  const paths = new Set(names.flatMap((name) => named(collection, name, role, known)));
  for (const path of paths) {
    changes = stage(changes, {
      kind: 'remove',
      role,
      path,
      base: { version: seen?.version ?? 0, content: seen?.targets.get(path) },
    });
  }
  await collection.home.saveChanges(changes);
  const { output, options } = session;
  const removed = changes.filter((change) => change.role === role && paths.has(change.path));
  // What only a staged change would have listed is staged no longer, and there is nothing to remove.
  const dropped = staged.filter(({ path }) => paths.has(path));
  if (options.json === true) {
    output.json({ name: collection.gun, staged: changesAsJson(removed), dropped: changesAsJson(dropped) });
    return;
  }
  const gone = paths.size - removed.length;
  if (gone > 0) output.line(`${count(gone, 'target')} unstaged; never published, so there is nothing to remove.`);
  if (removed.length > 0) output.line(`${count(removed.length, 'target')} staged to be removed.`);
}

function named(
  collection: Collection,
  name: string,
  role: RoleName,
  known: ReadonlySet<TargetPath>,
): readonly TargetPath[] {
  const found = [...known].filter((path) => means(name, path));
  if (found.length > 0) return found;
  const meant = similar(name, known);
  const suggestion = meant === undefined ? '' : `Did you mean ${meant}? `;
  throw new CountersignError('not-found', `${role} lists no target ${name}`, {
    detail: { target: name },
    next: `${suggestion}See \`${collection.command('list')}\`; a target of a delegated role is removed with --role.`,
  });
}
