import type { Command } from 'commander';
import type { TargetChange } from '../../publishing/changes.js';
import type { CollectionHome } from '../../node/home.js';
import { CountersignError, hasCode } from '../../tuf/errors.js';
import { commandLine } from '../hint.js';
import { withJson, type CommonOptions } from '../options.js';
import { count } from '../terminal/output.js';
import type { Run, Session } from '../session.js';
import { changesAsJson, means } from '../files/staged.js';

export function addReset(program: Command, run: Run): void {
  const command = program
    .command('reset')
    .argument('<name>', 'the collection')
    .argument('[target...]', 'only these targets, with a slash everything below; everything unless given')
    .description('drops staged changes');
  withJson(command).action((name: string, targets: string[], options: CommonOptions) =>
    run(options, async (session) => {
      const { home } = await session.collection(name);
      await home.exclusively(() => reset(session, home, targets));
    }),
  );
}

async function reset({ options, output }: Session, home: CollectionHome, targets: readonly string[]): Promise<void> {
  const before = await staged(home, targets);
  const dropped = before.filter(({ path }) => targets.length === 0 || targets.some((target) => means(target, path)));
  const stray = targets.find((target) => !dropped.some(({ path }) => means(target, path)));
  if (stray !== undefined) {
    throw new CountersignError('not-found', `nothing is staged for ${stray}`, {
      detail: { target: stray },
      next: `See \`${commandLine('status', home.gun)}\`; nothing was dropped.`,
    });
  }
  await home.saveChanges(before.filter((change) => !dropped.includes(change)));
  if (options.json === true) output.json({ name: home.gun, dropped: changesAsJson(dropped) });
  else if (targets.length === 0) output.line('All staged changes are dropped.');
  else output.line(`${count(dropped.length, 'staged change')} dropped.`);
}

/** Everything can be dropped even where the file of changes cannot be read. */
async function staged(home: CollectionHome, targets: readonly string[]): Promise<readonly TargetChange[]> {
  try {
    return await home.changes();
  } catch (error) {
    if (targets.length === 0 && hasCode(error, 'malformed', 'invalid-name')) return [];
    throw error;
  }
}
