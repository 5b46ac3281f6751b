import { Argument, type Command } from 'commander';
import { signersFor } from '../../key-ring.js';
import type { PublishOutcome } from '../../publisher.js';
import { rootAuthority } from '../../role-search.js';
import type { Rotation } from '../../rotation.js';
import type { Envelope } from '../../tuf/envelope.js';
import { CountersignError } from '../../tuf/errors.js';
import type { Root } from '../../tuf/model.js';
import type { KeyId } from '../../tuf/names.js';
import type { Collection } from '../collection.js';
import { commandLine } from '../hint.js';
import { withExpires, withJson, withPassphrase, withTrust, type CommonOptions } from '../options.js';
import { short } from '../output.js';
import { ownKey } from '../own-key.js';
import { rootKeyFile } from '../put-file.js';
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
  // Before a key is made: only who can sign the root can rotate anything, and their passphrase is known to be right then.
  await signersFor(session.ring, rootAuthority(from.signed, 'root'));
  const made = key === undefined && (role === 'root' || role === 'targets') ? await newKey(session) : undefined;
  const id = key ?? made;
  try {
    const rotation =
      role === 'root' || role === 'targets'
        ? { role, from, signer: await session.openKey(await ownKey(session.keys, id ?? '')) }
        : await withServersKey(session, collection, role, from, id);
    const publisher = await collection.publisher();
    const outcome = await publisher.rotate(rotation);
    await settle(collection);
    tell(session, collection, rotation, outcome);
  } catch (error) {
    if (made !== undefined) session.output.note(`made key ${made}; to try again with it, give --key ${made}`);
    throw error;
  }
}

async function newKey({ keys, passphrases }: Session): Promise<KeyId> {
  return (await keys.generate('ed25519', await passphrases.fresh())).id;
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
  output.line(`  ${commandLine('key', 'export', id, '-o', rootKeyFile(id))}`);
}
