import type { Command } from 'commander';
import type { DelegationChange } from '../../changes.js';
import { findRole } from '../../role-search.js';
import { CountersignError } from '../../tuf/errors.js';
import { parseSaneRoleName, type RoleName } from '../../tuf/names.js';
import type { Collection } from '../collection.js';
import { delegatorOf } from '../delegator.js';
import {
  withAbandon,
  withBy,
  withExpires,
  withJson,
  withPassphrase,
  withTrust,
  type CommonOptions,
} from '../options.js';
import type { Run, Session } from '../session.js';
import { similar } from '../../similar.js';
import { settle, versions } from './publish.js';

interface RemoveOptions extends CommonOptions {
  readonly by?: string;
  readonly abandon?: readonly string[];
}

export function addUndelegate(group: Command, run: Run): void {
  const command = group
    .command('remove')
    .argument('<name>', 'the collection')
    .argument('<role>', 'the delegated role')
    .description('takes a delegation back, published at once');
  withJson(withExpires(withPassphrase(withTrust(withAbandon(withBy(command)))), 'what is signed')).action(
    (name: string, role: string, options: RemoveOptions) =>
      run(options, async (session) => {
        const collection = await session.collection(name);
        await collection.home.exclusively(() => undelegate(session, collection, parseSaneRoleName(role), options));
      }),
  );
}

async function undelegate(
  session: Session,
  collection: Collection,
  name: RoleName,
  options: RemoveOptions,
): Promise<void> {
  const { output } = session;
  const { state } = await collection.refreshed('publish');
  const by = delegatorOf(state.trust.final.context.format, name, options.by);
  const signed = (await findRole(state, by)).current?.signed;
  const delegations = signed?.delegations?.roles ?? [];
  const before = delegations.find((delegation) => delegation.name === name);
  if (before === undefined) {
    const meant = similar(
      name,
      delegations.map((delegation) => delegation.name),
    );
    const suggestion = meant === undefined ? '' : `Did you mean ${meant}? `;
    throw new CountersignError('not-found', `${by} does not delegate to ${name}`, {
      next: `${suggestion}See \`${collection.command('delegation list')}\`.`,
    });
  }
  const base = { version: signed?.version ?? 0, content: before };
  const change: DelegationChange = { kind: 'undelegate', role: by, name, base };
  const publisher = await collection.publisher();
  const abandons = options.abandon ?? [];
  const outcome = await publisher.publish({ changes: [change], targets: 'anywhere', abandons });
  await settle(collection);
  if (options.json === true) {
    output.json({ name: collection.gun, role: name, by, ...outcome });
    return;
  }
  const told = outcome.kind === 'published' ? `: ${versions(outcome.versions)}` : ' already';
  output.line(`${by} no longer delegates to ${name}${told}.`);
}
