import type { Command } from 'commander';
import { writeDelegationRequest } from '../../publishing/delegation-request.js';
import { expiry } from '../../publishing/lifetimes.js';
import { listedVersion } from '../../publishing/role-search.js';
import { wrongFormat } from '../../reading/root-format.js';
import type { Format } from '../../tuf/formats/format.js';
import { formatInstant, instant, parseSaneRoleName, ROOT, type KeyId, type RoleName } from '../../tuf/names.js';
import type { Collection } from '../collection.js';
import { delegatorOf } from '../delegating/delegator.js';
import { newKeyType } from '../keys/own-signer.js';
import {
  formatChosen,
  withExpires,
  withFormat,
  withJson,
  withPassphrase,
  withTrust,
  type CommonOptions,
  type FormatChoice,
} from '../options.js';
import { ownKey } from '../keys/own-key.js';
import { present, putText, wouldOverwrite } from '../files/put-file.js';
import type { Run, Session } from '../session.js';

interface RequestOptions extends CommonOptions {
  readonly output: string;
  readonly key?: string;
  readonly format?: FormatChoice;
  readonly force?: true;
}

export function addRequest(group: Command, run: Run): void {
  const command = group
    .command('request')
    .argument('<name>', 'the collection')
    .argument('<role>', 'the role you are to sign')
    .description(
      'makes your key and an empty role, for the delegator to add; for a Notary collection the public key alone',
    )
    .requiredOption('-o, --output <file>', 'the file to send to the delegator')
    .option('--force', 'replace a file that is there')
    .option('--key <id>', 'a key of yours, or how its id begins, instead of a new one');
  withJson(withExpires(withPassphrase(withTrust(withFormat(command))), 'the empty role')).action(
    (name: string, role: string, options: RequestOptions) =>
      run(options, async (session) => {
        const collection = await session.collection(name);
        await collection.home.exclusively(() => request(session, collection, parseSaneRoleName(role), options));
      }),
  );
}

async function request(
  session: Session,
  collection: Collection,
  role: RoleName,
  options: RequestOptions,
): Promise<void> {
  const { crypto, output } = session;
  // First of all: no key is made in vain.
  if (options.force !== true && (await present(options.output)) !== undefined) throw wouldOverwrite(options.output);
  const format = await formatOf(collection, options.format);
  if (format.rules.unverifiableRole === 'tolerate') return handOver(session, collection, role, format, options);
  const follows = await lastVersion(session, collection, role);
  const signer = await session.openKey(await keyFor(session, format, options.key));
  const expires = expiry(instant(session.now), options.expires ?? format.rules.lifetimes.targets);
  const wanted = { gun: collection.gun, role, expires, follows };
  const text = await writeDelegationRequest({ format, crypto }, wanted, signer);
  await putText(options.output, text);
  const key = format.keyId(signer.key, crypto);
  if (options.json === true) {
    const told = { name: collection.gun, role, version: follows + 1, key, expires: formatInstant(expires) };
    output.json({ ...told, file: options.output });
    return;
  }
  output.line(`The request for ${role} in ${collection.gun}, with key ${key}, is in ${options.output}.`);
  output.line('Send it to whoever delegates, and tell them the key id by another way. They run:');
  const paths = ['--paths', `${role}/*`];
  output.line(`  ${collection.command('delegation add', role, '--request', options.output, ...paths)}`);
}

/** Of a collection that is not known here, as it was chosen. @throws CountersignError `unsupported` where it is known otherwise */
async function formatOf(collection: Collection, choice: FormatChoice | undefined): Promise<Format> {
  const known = await collection.knownFormat();
  const chosen = choice === undefined ? undefined : formatChosen(choice);
  if (known === undefined || chosen === undefined || known.name === chosen.name)
    return known ?? chosen ?? formatChosen('tuf');
  throw wrongFormat(known, chosen);
}

/** The public key is all that a delegator needs where a role may be delegated before it has a version. */
async function handOver(
  session: Session,
  collection: Collection,
  role: RoleName,
  format: Format,
  options: RequestOptions,
): Promise<void> {
  const { output, keys } = session;
  delegatorOf(format, role, undefined);
  const key = await keyFor(session, format, options.key);
  await putText(options.output, await keys.exportPublic(key));
  if (options.json === true) {
    output.json({ name: collection.gun, role, key, file: options.output });
    return;
  }
  output.line(`Your public key for ${role} in ${collection.gun}, ${key}, is in ${options.output}.`);
  output.line('Send it to whoever delegates, in a way that they know it is from you. They run:');
  output.line(`  ${collection.command('delegation add', role, '--key', options.output)}`);
}

async function keyFor(session: Session, format: Format, key: string | undefined): Promise<KeyId> {
  if (key !== undefined) return ownKey(session.keys, key);
  return (await session.keys.generate(newKeyType(format), await session.passphraseForNewKeys())).id;
}

/** Versions of a role never go back, also where it was delegated before. Asks only where the collection is known. */
async function lastVersion(session: Session, collection: Collection, role: RoleName): Promise<number> {
  const { root, rootCa, rootFingerprint, trustOnFirstUse } = session.options;
  const asked = root !== undefined || rootCa !== undefined || rootFingerprint !== undefined || trustOnFirstUse === true;
  if (!asked && (await collection.home.metadata.load(ROOT)) === undefined) return 0;
  const { state } = await collection.refreshed('publish');
  return listedVersion(state, role);
}
