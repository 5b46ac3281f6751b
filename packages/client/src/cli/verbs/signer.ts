import type { Command } from 'commander';
import type { DelegationChange } from '../../publishing/changes.js';
import { formatOfRoot } from '../../reading/root-format.js';
import { addSigner, removeSigner, signerRole, signersOf } from '../../publishing/signers.js';
import { formatNamed } from '../../tuf/formats/index.js';
import type { Targets } from '../../tuf/model.js';
import type { Collection } from '../collection.js';
import { givenKey } from '../keys/given-key.js';
import { withExpires, withJson, withPassphrase, withTrust, type CommonOptions } from '../options.js';
import { short } from '../terminal/output.js';
import type { Run, Session } from '../session.js';
import { versions } from '../published.js';

interface AddOptions extends CommonOptions {
  readonly key: string;
}

const NOTARY = formatNamed('notary-1');

export function addSigners(program: Command, run: Run): void {
  const group = program.command('signer').description('says who signs images of a Docker Content Trust collection');
  const add = group
    .command('add')
    .argument('<name>', 'the collection')
    .argument('<signer>', 'the name of who signs')
    .requiredOption('--key <file>', 'their public key or certificate, PEM')
    .description('lets somebody sign, published at once; again, with another key of theirs');
  withJson(withExpires(withPassphrase(withTrust(add)), 'what is signed')).action(
    (name: string, signer: string, options: AddOptions) =>
      run(options, async (session) => {
        signerRole(signer);
        const key = await givenKey(options.key, NOTARY, session.crypto);
        await change(session, name, signer, (targets) => addSigner(targets, signer, key));
      }),
  );
  const remove = group
    .command('remove')
    .argument('<name>', 'the collection')
    .argument('<signer>', 'the name of who signed')
    .description('lets somebody sign no more, published at once; what they alone released must be signed anew');
  withJson(withExpires(withPassphrase(withTrust(remove)), 'what is signed')).action(
    (name: string, signer: string, options: CommonOptions) =>
      run(options, (session) => change(session, name, signer, (targets) => removeSigner(targets, signer))),
  );
  const list = group
    .command('list')
    .argument('<name>', 'the collection')
    .description('lists who may sign, and by which keys');
  withJson(withTrust(list)).action((name: string, options: CommonOptions) =>
    run(options, async (session) => show(session, await session.collection(name))),
  );
}

async function change(
  session: Session,
  name: string,
  signer: string,
  changesOf: (targets: Targets) => readonly DelegationChange[],
): Promise<void> {
  const { output, options } = session;
  const collection = await session.collection(name);
  await collection.home.exclusively(async () => {
    const targets = await targetsOf(collection, 'publish');
    const publisher = await collection.publisher();
    const outcome = await publisher.publish({ changes: changesOf(targets) });
    if (options.json === true) output.json({ name: collection.gun, signer, ...outcome });
    else if (outcome.kind === 'nothing') output.line(`Nothing to change: ${signer} has that key already.`);
    else output.line(`Changed who signs ${collection.gun}: ${versions(outcome.versions)}.`);
  });
}

async function targetsOf(collection: Collection, purpose: 'read' | 'publish'): Promise<Targets> {
  const { trust } = (await collection.refreshed(purpose)).state;
  formatOfRoot(trust.final.root.raw, NOTARY);
  return trust.targets.signed;
}

async function show({ output, options }: Session, collection: Collection): Promise<void> {
  const signers = signersOf(await targetsOf(collection, 'read'));
  if (options.json === true) output.json(signers.map(({ name, keyIds }) => ({ signer: name, keys: keyIds })));
  else if (signers.length === 0) output.line(`Nobody but the owner signs ${collection.gun}.`);
  else
    output.table(
      ['SIGNER', 'KEYS'],
      signers.map(({ name, keyIds }) => [name, keyIds.map(short).join(', ')]),
    );
}
