import type { Command } from 'commander';
import { hexEncode } from '../../tuf/encoding.js';
import type { FoundTarget } from '../../tuf/delegations.js';
import { targetAsJson } from '../found-target.js';
import { withJson, withBundle, type CommonOptions } from '../options.js';
import { short, size, type Output } from '../terminal/output.js';
import type { Run } from '../session.js';

export function addList(program: Command, run: Run): void {
  const command = program
    .command('list')
    .argument('<name>', 'the collection')
    .description('lists the targets of a collection, after checking everything that leads to them');
  withJson(withBundle(command)).action((name: string, options: CommonOptions) =>
    run(options, async (session) => {
      const collection = await session.reader(name);
      const { updater, state } = await collection.refreshed();
      const targets: FoundTarget[] = [];
      for await (const target of updater.list()) targets.push(target);
      if (options.json === true) session.output.json(targets.map(targetAsJson));
      else if (targets.length === 0) session.output.line(`${collection.gun} lists no targets.`);
      else showAs[state.trust.final.context.format.rules.targetFiles](session.output, targets);
    }),
  );
}

/** What is kept elsewhere is asked for there by its digest, so that this is told in full. */
const showAs = {
  hosted: (output: Output, targets: readonly FoundTarget[]) =>
    output.table(['TARGET', 'SIZE', 'SHA-256', 'ROLE'], targets.map(row)),
  elsewhere: (output: Output, targets: readonly FoundTarget[]) =>
    output.table(['TARGET', 'DIGEST', 'BYTES', 'ROLE'], targets.map(fullRow)),
} as const;

function fullRow({ path, file, role }: FoundTarget): readonly string[] {
  const [[algorithm, hash] = []] = [...file.hashes].sort(([one], [other]) => (one < other ? -1 : 1));
  const digest = algorithm === undefined || hash === undefined ? '-' : `${algorithm}:${hexEncode(hash)}`;
  return [path, digest, String(file.length), role];
}

function row({ path, file, role }: FoundTarget): readonly string[] {
  const hash = file.hashes.get('sha256');
  return [path, size(file.length), hash === undefined ? '-' : short(hexEncode(hash)), role];
}
