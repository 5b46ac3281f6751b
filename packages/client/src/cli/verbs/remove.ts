import type { Command } from 'commander';
import { stage, type TargetChange } from '../../changes.js';
import { CountersignError } from '../../tuf/errors.js';
import type { Targets } from '../../tuf/model.js';
import { parseTargetPath, type RoleName, type TargetPath } from '../../tuf/names.js';
import { roleNamed, type Collection } from '../collection.js';
import { withTrust, type CommonOptions } from '../options.js';
import { count } from '../output.js';
import type { Run, Session } from '../session.js';

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
  withTrust(command).action((name: string, targets: string[], options: RemoveOptions) =>
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
  let changes = await collection.home.changes();
  const paths = new Set(names.flatMap((name) => named(name, role, seen, changes)));
  for (const path of paths) {
    changes = stage(changes, {
      kind: 'remove',
      role,
      path,
      base: { version: seen?.version ?? 0, content: seen?.targets.get(path) },
    });
  }
  await collection.home.saveChanges(changes);
  session.output.line(`${count(paths.size, 'target')} staged to be removed.`);
}

function named(
  name: string,
  role: RoleName,
  seen: Targets | undefined,
  changes: readonly TargetChange[],
): readonly TargetPath[] {
  const staged = changes.filter((change) => change.role === role && change.kind === 'add').map((change) => change.path);
  const known = new Set([...(seen?.targets.keys() ?? []), ...staged]);
  const found = name.endsWith('/')
    ? [...known].filter((path) => path.startsWith(name))
    : [parseTargetPath(name)].filter((path) => known.has(path));
  if (found.length > 0) return found;
  throw new CountersignError('not-found', `${role} lists no target ${name}`, {
    detail: { target: name },
    next: 'See `countersign list`; a target of a delegated role is removed with --role.',
  });
}
