import { Argument, type Command } from 'commander';
import { signersFor } from '../../publishing/key-ring.js';
import type { PublishOutcome } from '../../publishing/publisher.js';
import { rootAuthority } from '../../publishing/role-search.js';
import type { Rotation } from '../../publishing/rotation.js';
import type { TrustedState } from '../../reading/state.js';
import { CountersignError } from '../../tuf/errors.js';
import type { Format } from '../../tuf/formats/format.js';
import type { KeyId } from '../../tuf/names.js';
import type { Collection } from '../collection.js';
import { commandLine } from '../hint.js';
import { withExpires, withJson, withPassphrase, withTrust, type CommonOptions } from '../options.js';
import { short } from '../terminal/output.js';
import { ownKey } from '../keys/own-key.js';
import { newKeyType, rootSignerOf, signerOf } from '../keys/own-signer.js';
import { rootKeyFile } from '../files/put-file.js';
import type { Run, Session } from '../session.js';
import { versions } from '../published.js';

const ROLES = ['root', 'targets', 'snapshot', 'timestamp'] as const;
type RotatedRole = (typeof ROLES)[number];

interface RotateOptions extends CommonOptions {
  readonly key?: string;
  readonly mine?: true;
}

export function addRotate(program: Command, run: Run): void {
  const command = program
    .command('rotate')
    .argument('<name>', 'the collection')
    .addArgument(new Argument('<role>', 'the role that gets a new key').choices(ROLES))
    .option('--key <id>', 'a key of yours, or how its id begins, instead of a new one; not for timestamp')
    .option('--mine', "for snapshot: a key of yours, instead of the server's; each publish signs with it then")
    .description('gives a top-level role a new key, published at once; clients follow by themselves');
  withJson(withExpires(withPassphrase(withTrust(command)), 'what is signed')).action(
    (name: string, role: RotatedRole, options: RotateOptions) =>
      run(options, async (session) => {
        const collection = await session.collection(name);
        await collection.home.exclusively(() => rotate(session, collection, role, options));
      }),
  );
}

/** A rotation, and the id of the key in the words of who asks for it: as it is kept here, or as the server has it. */
interface Wanted {
  readonly rotation: Rotation;
  readonly id: KeyId;
}

async function rotate(
  session: Session,
  collection: Collection,
  role: RotatedRole,
  options: RotateOptions,
): Promise<void> {
  const holder = holderOf(role, options);
  const { state } = await collection.refreshed('publish');
  const { root: from, context } = state.trust.final;
  const { format } = context;
  // Before a key is made: only who can sign the root can rotate anything, and their passphrase is known to be right then.
  await signersFor(session.ring, rootAuthority(from.signed, 'root'));
  const made = holder === 'me' && options.key === undefined ? await newKey(session, format) : undefined;
  try {
    const wanted =
      role === 'timestamp' || holder === 'server'
        ? await withServersKey(session, collection, role === 'timestamp' ? role : 'snapshot', state)
        : await withOwnKey(session, collection, role, state, made ?? (await ownKey(session.keys, options.key ?? '')));
    const publisher = await collection.publisher();
    const outcome = await publisher.rotate(wanted.rotation);
    tell(session, collection, wanted, outcome);
  } catch (error) {
    if (made !== undefined) session.output.note(`made key ${made}; to try again with it, give --key ${made}`);
    throw error;
  }
}

/** Whose the new key is. @throws CountersignError `usage` where there is no choice */
function holderOf(role: RotatedRole, { key, mine }: RotateOptions): 'me' | 'server' {
  const chosen = key !== undefined || mine === true;
  if (role === 'timestamp' && chosen) {
    throw new CountersignError('usage', `the key of ${role} is the server's; it cannot be chosen`, {
      next: 'Leave --key and --mine out.',
    });
  }
  return role === 'root' || role === 'targets' || chosen ? 'me' : 'server';
}

async function newKey({ keys, passphrases }: Session, format: Format): Promise<KeyId> {
  return (await keys.generate(newKeyType(format), await passphrases.fresh())).id;
}

async function withOwnKey(
  session: Session,
  { gun }: Collection,
  role: 'root' | 'targets' | 'snapshot',
  { trust }: TrustedState,
  id: KeyId,
): Promise<Wanted> {
  const { root: from, context } = trust.final;
  const signer =
    role === 'root'
      ? await rootSignerOf(session, context.format, gun, id)
      : await signerOf(session, context.format, id);
  return { id, rotation: { role, from, signer } };
}

async function withServersKey(
  { crypto }: Session,
  collection: Collection,
  role: 'timestamp' | 'snapshot',
  { trust }: TrustedState,
): Promise<Wanted> {
  const { root: from, context } = trust.final;
  const raw = await collection.server(context.format).onlineKey(role, 'next');
  const key = context.format.parseKey(raw, crypto);
  return { id: key.id, rotation: { role, from, key } };
}

function tell(
  { output, options }: Session,
  { gun }: Collection,
  { rotation, id }: Wanted,
  outcome: PublishOutcome,
): void {
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
