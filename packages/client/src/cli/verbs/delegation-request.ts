import type { Command } from 'commander';
import { writeDelegationRequest } from '../../delegation-request.js';
import { DEFAULT_LIFETIMES, expiry } from '../../lifetimes.js';
import { listedVersion } from '../../role-search.js';
import { formatInstant, instant, parseSaneRoleName, ROOT, type RoleName } from '../../tuf/names.js';
import type { KeySigner } from '../../tuf/sign.js';
import type { Collection } from '../collection.js';
import { withExpires, withJson, withPassphrase, withTrust, type CommonOptions } from '../options.js';
import { ownKey } from '../own-key.js';
import { present, putText, wouldOverwrite } from '../put-file.js';
import type { Run, Session } from '../session.js';

interface RequestOptions extends CommonOptions {
  readonly output: string;
  readonly key?: string;
  readonly force?: true;
}

export function addRequest(group: Command, run: Run): void {
  const command = group
    .command('request')
    .argument('<name>', 'the collection')
    .argument('<role>', 'the role you are to sign')
    .description('makes your key and an empty role, for the delegator to add')
    .requiredOption('-o, --output <file>', 'the file to send to the delegator')
    .option('--force', 'replace a file that is there')
    .option('--key <id>', 'a key of yours, or how its id begins, instead of a new one');
  withJson(withExpires(withPassphrase(withTrust(command)), 'the empty role')).action(
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
  const { format, crypto, output } = session;
  // First of all: no key is made in vain.
  if (options.force !== true && (await present(options.output)) !== undefined) throw wouldOverwrite(options.output);
  const follows = await lastVersion(session, collection, role);
  const signer = await signerFor(session, options.key);
  const expires = expiry(instant(session.now), options.expires ?? DEFAULT_LIFETIMES.targets);
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

async function signerFor(session: Session, key: string | undefined): Promise<KeySigner> {
  if (key !== undefined) return session.openKey(await ownKey(session.keys, key));
  const passphrase = await session.passphraseForNewKeys();
  const { id } = await session.keys.generate('ed25519', passphrase);
  return session.keys.load(id, passphrase);
}

/** Versions of a role never go back, also where it was delegated before. Asks only where the collection is known. */
async function lastVersion(session: Session, collection: Collection, role: RoleName): Promise<number> {
  const { root, rootCa, rootFingerprint, trustOnFirstUse } = session.options;
  const asked = root !== undefined || rootCa !== undefined || rootFingerprint !== undefined || trustOnFirstUse === true;
  if (!asked && (await collection.home.metadata.load(ROOT)) === undefined) return 0;
  const { state } = await collection.refreshed('publish');
  return listedVersion(state, role);
}
