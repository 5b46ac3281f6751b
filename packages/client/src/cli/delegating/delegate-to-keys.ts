import { extendDelegation } from '../../publishing/extend-delegation.js';
import { findRole } from '../../publishing/role-search.js';
import { CountersignError } from '../../tuf/errors.js';
import type { Format } from '../../tuf/formats/format.js';
import type { PublicKey } from '../../tuf/model.js';
import type { RoleName } from '../../tuf/names.js';
import type { Collection } from '../collection.js';
import { delegatorOf } from './delegator.js';
import { givenKey } from '../keys/given-key.js';
import type { CommonOptions } from '../options.js';
import type { Session } from '../session.js';
import { versions } from '../published.js';

interface KeysOptions extends CommonOptions {
  readonly key?: readonly string[];
  readonly paths?: readonly string[];
  readonly by?: string;
  readonly terminating?: true;
  readonly abandon?: readonly string[];
}

/** Delegates to keys, in a format in which a role may have no version yet (Notary v1); again, with more keys and paths. */
export async function delegateToKeys(
  session: Session,
  collection: Collection,
  format: Format,
  name: RoleName,
  options: KeysOptions,
): Promise<void> {
  const { crypto, output } = session;
  if (options.terminating === true || options.abandon !== undefined) {
    throw new CountersignError('usage', `${collection.gun} knows no terminating delegations, and none to abandon`, {
      next: 'Leave --terminating and --abandon out.',
    });
  }
  const by = delegatorOf(format, name, options.by);
  const keys: PublicKey[] = [];
  for (const file of options.key ?? []) keys.push(await givenKey(file, format, crypto));
  const { state } = await collection.refreshed('publish');
  const current = (await findRole(state, by)).current?.signed;
  const change = extendDelegation(by, current, { name, keys, prefixes: options.paths ?? [''] });
  const publisher = await collection.publisher();
  const outcome = await publisher.publish({ changes: [change] });
  const ids = keys.map((key) => key.id);
  if (options.json === true) output.json({ name: collection.gun, role: name, by, keys: ids, ...outcome });
  else if (outcome.kind === 'nothing') output.line(`${by} delegates to ${name} like this already.`);
  else output.line(`${by} delegates to ${name}, key ${ids.join(', ')}: ${versions(outcome.versions)}.`);
}
