import type { Command } from 'commander';
import { verifyFile } from '../../node/verify-file.js';
import { CountersignError } from '../../tuf/errors.js';
import { formatInstant } from '../../tuf/names.js';
import { checkHeld, type Bundled } from '../trust/bundled.js';
import { findTarget, targetAsJson } from '../found-target.js';
import { withBundle, withJson, type CommonOptions } from '../options.js';
import { size, whenExpires } from '../terminal/output.js';
import type { Run, Session } from '../session.js';
import { versionsIn, whenStateExpires } from '../state-report.js';

export function addVerify(program: Command, run: Run): void {
  const command = program
    .command('verify')
    .argument('[name]', 'the collection; may be left out with --bundle')
    .argument('[target]', 'what the file should be; may be left out with --bundle')
    .argument('[file]', 'the file; with --bundle the one in it unless given')
    .description('checks that a file is the target that is published now; with --bundle, a bundle and what is in it');
  withJson(withBundle(command)).action((name?: string, path?: string, file?: string, options: CommonOptions = {}) =>
    run(options, async (session) => {
      const bundled = await session.bundle();
      if (bundled !== undefined) await verifyBundle(session, bundled, { name, path, file });
      else await verifyOnline(session, { name, path, file });
    }),
  );
}

interface Typed {
  readonly name: string | undefined;
  readonly path: string | undefined;
  readonly file: string | undefined;
}

async function verifyOnline(session: Session, { name, path, file }: Typed): Promise<void> {
  if (name === undefined || path === undefined || file === undefined) {
    throw new CountersignError('usage', 'verify takes a collection, a target and a file', {
      next: 'See `countersign verify --help`.',
    });
  }
  const collection = await session.reader(name);
  const { updater } = await collection.refreshed();
  const target = await findTarget(collection, updater, path);
  await verifyFile(file, target, session.crypto);
  if (session.options.json === true) session.output.json({ verified: true, file, ...targetAsJson(target) });
  else session.output.line(`${file} is ${target.path} of ${collection.gun}, signed for by ${target.role}.`);
}

async function verifyBundle(session: Session, bundled: Bundled, { name, path, file }: Typed): Promise<void> {
  const { output, options, now } = session;
  const collection = await session.reader(name ?? bundled.bundle.gun);
  const { updater, state } = await collection.refreshed();
  const target = path === undefined ? undefined : await findTarget(collection, updater, path);
  if (target !== undefined && file !== undefined) await verifyFile(file, target, session.crypto);
  else if (target !== undefined) {
    checkHeld(bundled, [target], state);
    await drain(updater.open(target));
  }
  const { moment, text } = whenStateExpires(state);
  if (options.json === true) {
    output.json({
      ...{ verified: true, bundle: bundled.path, name: collection.gun, versions: versionsIn(state), expires: text },
      ...(bundled.asOf ? { asOf: formatInstant(bundled.judgedAt) } : {}),
      ...(target === undefined ? {} : targetAsJson(target)),
      ...(file === undefined ? {} : { file }),
    });
    return;
  }
  const versions = Object.entries(versionsIn(state)).map(([role, version]) => `${role} ${version}`);
  output.line(`${bundled.path} holds ${collection.gun}: ${versions.join(', ')}.`);
  output.line(`Expires  ${whenExpires(moment, now)}`);
  if (bundled.asOf)
    output.note(`as of ${formatInstant(bundled.judgedAt)}: what was published, withdrawn or revoked since is not seen`);
  if (target === undefined) return;
  output.line(
    file === undefined
      ? `It holds ${target.path} (${size(target.file.length)}), signed for by ${target.role}.`
      : `${file} is ${target.path} of ${collection.gun}, signed for by ${target.role}.`,
  );
}

/** Chunks that come to their end were found to be the signed ones. */
async function drain(chunks: AsyncGenerator<Uint8Array>): Promise<void> {
  while ((await chunks.next()).done !== true) continue;
}
