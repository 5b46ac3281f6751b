import type { Command } from 'commander';
import { inspect, vacantRoles, type RoleReport, type VacantRole } from '../../reading/inspect.js';
import type { Collection } from '../collection.js';
import { coveredPaths } from '../delegating/covered-paths.js';
import { withJson, withTrust, type CommonOptions } from '../options.js';
import { short } from '../terminal/output.js';
import type { Run, Session } from '../session.js';
import { addDelegate } from './delegation-add.js';
import { addUndelegate } from './delegation-remove.js';
import { addRequest } from './delegation-request.js';

export function addDelegation(program: Command, run: Run): void {
  const group = program.command('delegation').description('hands parts of a collection to others');
  addRequest(group, run);
  addDelegate(group, run);
  addUndelegate(group, run);
  const list = group
    .command('list')
    .argument('<name>', 'the collection')
    .description('lists the delegations of a collection');
  withJson(withTrust(list)).action((name: string, options: CommonOptions) =>
    run(options, async (session) => show(session, await session.collection(name))),
  );
}

async function show(session: Session, collection: Collection): Promise<void> {
  const { state } = await collection.refreshed();
  const { roles } = await inspect(state);
  const delegated: readonly (VacantRole & Partial<RoleReport>)[] = [
    ...roles.flatMap((report) =>
      report.delegation === undefined ? [] : [{ ...report, delegation: report.delegation }],
    ),
    ...(await vacantRoles(state)),
  ];
  if (session.options.json === true) session.output.json(delegated);
  else if (delegated.length === 0) session.output.line(`${collection.gun} delegates nothing.`);
  else {
    session.output.table(
      ['ROLE', 'BY', 'VERSION', 'KEYS', 'PATHS'],
      delegated.map(({ role: name, version, keys, delegation }) => [
        name,
        delegation.by,
        version === undefined ? '-' : String(version),
        keys.map((key) => short(key.id)).join(', '),
        coveredPaths(delegation),
      ]),
    );
  }
}
