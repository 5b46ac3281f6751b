import { Argument, type Command } from 'commander';
import type { PublishOutcome } from '../../publisher.js';
import type { Rotation } from '../../rotation.js';
import type { Envelope } from '../../tuf/envelope.js';
import { CountersignError } from '../../tuf/errors.js';
import type { Root } from '../../tuf/model.js';
import type { Collection } from '../collection.js';
import { withExpires, withJson, withPassphrase, withTrust, type CommonOptions } from '../options.js';
import { short } from '../output.js';
import { ownKey } from '../own-key.js';
import type { Run, Session } from '../session.js';
import { settle, versions } from './publish.js';

const ROLES = ['root', 'targets', 'snapshot', 'timestamp'] as const;
type RotatedRole = (typeof ROLES)[number];

interface RotateOptions extends CommonOptions {
  readonly key?: string;
}

export function addRotate(program: Command, run: Run): void {
  const command = program
    .command('rotate')
    .argument('<name>', 'the collection')
    .addArgument(new Argument('<role>', 'the role that gets a new key').choices(ROLES))
    .option('--key <id>', 'for root and targets: a key of yours, or how its id begins, instead of a new one')
    .description('gives a top-level role a new key, published at once; clients follow by themselves');
  withJson(withExpires(withPassphrase(withTrust(command)), 'what is signed')).action(
    (name: string, role: RotatedRole, options: RotateOptions) =>
      run(options, async (session) => {
        const collection = await session.collection(name);
        await collection.home.exclusively(() => rotate(session, collection, role, options.key));
      }),
  );
}

async function rotate(
  session: Session,
  collection: Collection,
  role: RotatedRole,
  key: string | undefined,
): Promise<void> {
  const { state } = await collection.refreshed('publish');
  const from = state.trust.final.root;
  const rotation =
    role === 'root' || role === 'targets'
      ? await withOwnKey(session, role, from, key)
      : await withServersKey(session, collection, role, from, key);
  const publisher = await collection.publisher();
  const outcome = await publisher.rotate(rotation);
  await settle(collection);
  tell(session, collection, rotation, outcome);
}

async function withOwnKey(
  session: Session,
  role: 'root' | 'targets',
  from: Envelope<Root>,
  id: string | undefined,
): Promise<Rotation> {
  const { keys, passphrases, output } = session;
  if (id !== undefined) return { role, from, signer: await session.openKey(await ownKey(keys, id)) };
  const passphrase = await passphrases.fresh();
  const made = await keys.generate('ed25519', passphrase);
  output.note(`made key ${made.id}; should this fail, go on with --key ${made.id}`);
  return { role, from, signer: await keys.load(made.id, passphrase) };
}

async function withServersKey(
  session: Session,
  collection: Collection,
  role: 'timestamp' | 'snapshot',
  from: Envelope<Root>,
  id: string | undefined,
): Promise<Rotation> {
  if (id !== undefined)
    throw new CountersignError('usage', `the key of ${role} is the server's; it cannot be chosen`, {
      next: 'Leave --key out.',
    });
  const raw = await collection.server.onlineKey(role, 'next');
  return { role, from, key: session.format.parseKey(raw, session.crypto) };
}

function tell(
  { output, options, format, crypto }: Session,
  { gun }: Collection,
  rotation: Rotation,
  outcome: PublishOutcome,
): void {
  const id = 'signer' in rotation ? format.keyId(rotation.signer.key, crypto) : rotation.key.id;
  if (options.json === true) {
    output.json({ name: gun, role: rotation.role, key: id, ...outcome });
    return;
  }
  if (outcome.kind === 'nothing') {
    output.line(`${rotation.role} of ${gun} has key ${short(id)} already.`);
    return;
  }
  output.line(`${rotation.role} of ${gun} has the new key ${id}: ${versions(outcome.versions)}.`);
  if (rotation.role !== 'root') return;
  output.line('BACK UP THE NEW ROOT KEY:');
  output.line(`  countersign key export ${id} -o root-key.pem`);
}
