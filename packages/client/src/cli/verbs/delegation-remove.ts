import type { Command } from 'commander';
import type { DelegationChange } from '../../publishing/changes.js';
import { baseOf, withdrawKeys } from '../../publishing/extend-delegation.js';
import { findRole } from '../../publishing/role-search.js';
import type { Crypto } from '../../tuf/crypto.js';
import { CountersignError } from '../../tuf/errors.js';
import type { Format } from '../../tuf/formats/format.js';
import type { Delegation, PublicKey } from '../../tuf/model.js';
import { parseSaneRoleName, type KeyId, type RoleName } from '../../tuf/names.js';
import type { Collection } from '../collection.js';
import { delegatorOf } from '../delegating/delegator.js';
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
import { versions } from '../published.js';

interface RemoveOptions extends CommonOptions {
  readonly by?: string;
  readonly key?: readonly string[];
  readonly abandon?: readonly string[];
}

export function addUndelegate(group: Command, run: Run): void {
  const command = group
    .command('remove')
    .argument('<name>', 'the collection')
    .argument('<role>', 'the delegated role')
    .option('--key <id...>', 'take only these keys from the role, by how their ids begin')
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
  const { output, crypto } = session;
  const { state } = await collection.refreshed('publish');
  const { format } = state.trust.final.context;
  const by = delegatorOf(format, name, options.by);
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
  const gone = options.key?.map((start) => keyOf(format, crypto, before, signed?.delegations?.keys, start));
  const change: DelegationChange =
    gone === undefined
      ? { kind: 'undelegate', role: by, name, base: baseOf(signed, name) }
      : withdrawKeys(by, signed, before, new Set(gone));
  const publisher = await collection.publisher();
  const abandons = options.abandon ?? [];
  const outcome = await publisher.publish({ changes: [change], targets: 'anywhere', abandons });
  if (options.json === true) {
    output.json({ name: collection.gun, role: name, by, ...(gone === undefined ? {} : { keys: gone }), ...outcome });
    return;
  }
  const told = outcome.kind === 'published' ? `: ${versions(outcome.versions)}` : ' already';
  const whom = gone === undefined ? name : `key ${gone.join(', ')} of ${name}`;
  output.line(`${by} no longer delegates to ${whom}${told}.`);
}

/** The key of a role whose id, or Notary's canonical id of which, begins so. @throws CountersignError `not-found`, `usage` */
function keyOf(
  format: Format,
  crypto: Pick<Crypto, 'hash'>,
  { name, keyIds }: Delegation,
  keys: ReadonlyMap<KeyId, PublicKey> | undefined,
  start: string,
): KeyId {
  const canonical = (id: KeyId): string => {
    const key = keys?.get(id);
    return key?.scheme === undefined ? id : format.keyId({ scheme: key.scheme, spki: key.spki }, crypto);
  };
  const found = keyIds.filter((id) => id.startsWith(start) || canonical(id).startsWith(start));
  const [only] = found;
  if (found.length === 1 && only !== undefined) return only;
  const which = found.length === 0 ? 'no key' : `${found.length} keys`;
  throw new CountersignError(found.length === 0 ? 'not-found' : 'usage', `${which} of ${name} begins with ${start}`, {
    next: `It has ${keyIds.join(', ')}.`,
  });
}
