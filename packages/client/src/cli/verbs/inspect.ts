import type { Command } from 'commander';
import { inspect, type Inspection, type KeyReport, type RoleReport } from '../../reading/inspect.js';
import { parseInstant } from '../../tuf/names.js';
import { coveredPaths } from '../delegating/covered-paths.js';
import { withJson, withBundle, type CommonOptions } from '../options.js';
import { count, short, whenExpires } from '../terminal/output.js';
import type { Run, Session } from '../session.js';

export function addInspect(program: Command, run: Run): void {
  const command = program
    .command('inspect')
    .argument('<name>', 'the collection')
    .description('shows the chain of trust: every role, who signed it, and when it expires');
  withJson(withBundle(command)).action((name: string, options: CommonOptions) =>
    run(options, async (session) => {
      const collection = await session.reader(name);
      const { state } = await collection.refreshed();
      const inspection = await inspect(state);
      const report = { name: collection.gun, server: collection.place, ...inspection };
      if (options.json === true) session.output.json(report);
      else show(session, report);
    }),
  );
}

function show(session: Session, report: Inspection & { readonly name: string; readonly server: string }): void {
  const { output } = session;
  output.line(`${report.name} on ${report.server} (${report.format})`);
  output.line(`Root fingerprint  ${report.rootFingerprint}`);
  output.line();
  output.table(
    ['ROLE', 'VERSION', 'EXPIRES', 'SIGNED BY', 'HOLDS'],
    report.roles.map((role) => [
      role.role,
      String(role.version),
      expires(role, session.now),
      signed(role),
      holds(role),
    ]),
  );
  for (const id of report.mislabelledKeys) output.note(`key ${id} is listed under an id that is not its hash`);
}

function expires(role: RoleReport, now: number): string {
  return whenExpires(parseInstant(role.expires), now);
}

function signed({ keys, threshold }: RoleReport): string {
  const by = keys.filter((key) => key.signed).map(signer);
  return `${by.join(', ')} (${by.length} of ${count(keys.length, 'key')}, ${threshold} needed)`;
}

/** A certificate by what its owner is known by. */
function signer({ id, scheme, certificate }: KeyReport): string {
  const name = certificate?.commonName === undefined ? '' : ` ${JSON.stringify(certificate.commonName)}`;
  return `${short(certificate?.canonicalId ?? id)} ${scheme ?? ''}${name}`;
}

function holds({ targets, delegation, bins }: RoleReport): string {
  const parts = [
    ...(targets === undefined ? [] : [count(targets, 'target')]),
    ...(bins === undefined ? [] : [`${count(bins.count, 'hash bin')} ${bins.prefix}-…`]),
    ...(delegation === undefined ? [] : [`delegated by ${delegation.by} for ${coveredPaths(delegation)}`]),
  ];
  return parts.join('; ');
}
