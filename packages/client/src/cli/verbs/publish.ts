import type { Command } from 'commander';
import type { TargetChange } from '../../publishing/changes.js';
import { canSign } from '../../publishing/key-ring.js';
import type { PublishOutcome } from '../../publishing/publisher.js';
import { CountersignError, hasCode } from '../../tuf/errors.js';
import type { RoleName } from '../../tuf/names.js';
import { knownRoles } from '../keys/known-roles.js';
import { roleNamed, type Collection } from '../collection.js';
import { withAbandon, withExpires, withJson, withPassphrase, withTrust, type CommonOptions } from '../options.js';
import { count } from '../terminal/output.js';
import { progressBar } from '../terminal/progress.js';
import { versions } from '../published.js';
import type { Run, Session } from '../session.js';

interface PublishOptions extends CommonOptions {
  readonly role?: string;
  readonly abandon?: readonly string[];
}

export function addPublish(program: Command, run: Run): void {
  const command = program
    .command('publish')
    .argument('<name>', 'the collection')
    .option('--role <role>', 'publish only what is staged for this role')
    .description('uploads the staged files, signs, and publishes; also signs anew what is about to expire');
  withJson(withExpires(withPassphrase(withTrust(withAbandon(command))), 'what is signed')).action(
    (name: string, options: PublishOptions) =>
      run(options, async (session) => {
        const collection = await session.collection(name);
        await collection.home.exclusively(() => publish(session, collection, options));
      }),
  );
}

async function publish(session: Session, collection: Collection, options: PublishOptions): Promise<void> {
  const { home } = collection;
  const staged = await home.changes();
  const role = options.role === undefined ? undefined : roleNamed(options.role);
  const mine = (change: TargetChange): boolean => role === undefined || change.role === role;
  const firstRoot = await home.firstRoot();
  const bar = progressBar(session.io, 'Uploading');
  try {
    const publisher = await collection.publisher(({ bytes, totalBytes }) => bar.update(bytes, totalBytes));
    const outcome = await publisher.publish({
      changes: staged.filter(mine),
      abandons: options.abandon ?? [],
      ...(firstRoot === undefined ? {} : { firstRoot }),
    });
    bar.stop();
    await home.saveChanges(staged.filter((change) => !mine(change)));
    await home.forgetFirstRoot();
    tell(session, collection, outcome, staged.filter(mine).length);
  } catch (error) {
    throw await withRolesOfMine(session, collection, staged, error);
  } finally {
    bar.stop();
  }
}

/** Where a key for one role is missing and those of others are here, says which can be published. */
async function withRolesOfMine(
  { ring }: Session,
  collection: Collection,
  staged: readonly TargetChange[],
  error: unknown,
): Promise<unknown> {
  if (!hasCode(error, 'missing-key')) return error;
  const roles = new Set(staged.map(({ role }) => role));
  const mine = new Set<RoleName>();
  for (const { name, authority } of await knownRoles(collection.home))
    if (roles.has(name) && (await canSign(ring, authority))) mine.add(name);
  if (mine.size === 0) return error;
  const commands = [...mine].map((role) => `\`${collection.command('publish', '--role', role)}\``).join(', ');
  return new CountersignError(error.code, error.message, {
    cause: error,
    detail: error.detail,
    next: `Import the key; or publish what you can sign: ${commands}.`,
  });
}

function tell({ output, options }: Session, { gun }: Collection, outcome: PublishOutcome, changes: number): void {
  if (options.json === true) {
    output.json({ name: gun, ...outcome });
  } else if (outcome.kind === 'nothing') {
    output.line(changes === 0 ? `Nothing to publish in ${gun}.` : `Everything staged is in ${gun} already.`);
  } else {
    output.line(`Published ${count(changes, 'change')} in ${gun}: ${versions(outcome.versions)}.`);
  }
}
