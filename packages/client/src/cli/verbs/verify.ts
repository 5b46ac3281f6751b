import type { Command } from 'commander';
import { verifyFile } from '../../node/verify-file.js';
import { noTarget } from '../no-target.js';
import { withJson, withReading, type CommonOptions } from '../options.js';
import { asJson } from './list.js';
import type { Run } from '../session.js';

export function addVerify(program: Command, run: Run): void {
  const command = program
    .command('verify')
    .argument('<name>', 'the collection')
    .argument('<target>', 'what the file should be')
    .argument('<file>', 'the file')
    .description('checks that a file is the target that is published now');
  withJson(withReading(command)).action((name: string, path: string, file: string, options: CommonOptions) =>
    run(options, async (session) => {
      const collection = await session.reader(name);
      const { updater } = await collection.refreshed();
      const target = await updater.find(path);
      if (target === undefined) throw await noTarget(collection, updater, path);
      await verifyFile(file, target, session.crypto);
      if (options.json === true) session.output.json({ verified: true, file, ...asJson(target) });
      else session.output.line(`${file} is ${target.path} of ${collection.gun}, signed for by ${target.role}.`);
    }),
  );
}
