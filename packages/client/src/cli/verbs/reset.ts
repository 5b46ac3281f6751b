import type { Command } from 'commander';
import type { CommonOptions } from '../options.js';
import { count } from '../output.js';
import type { Run } from '../session.js';

export function addReset(program: Command, run: Run): void {
  program
    .command('reset')
    .argument('<name>', 'the collection')
    .argument('[target...]', 'only these targets; everything unless given')
    .description('drops staged changes')
    .action((name: string, targets: string[], options: CommonOptions) =>
      run(options, async (session) => {
        const { home } = await session.collection(name);
        await home.exclusively(async () => {
          // Everything can be dropped even where the file of changes cannot be read.
          const before = targets.length === 0 ? [] : await home.changes();
          const kept = before.filter((change) => !targets.includes(change.path));
          await home.saveChanges(kept);
          session.output.line(
            targets.length === 0
              ? 'All staged changes are dropped.'
              : `${count(before.length - kept.length, 'staged change')} dropped.`,
          );
        });
      }),
    );
}
