import { Option, type Command } from 'commander';
import { nodeCrypto } from '../../node/crypto.js';
import type { StoredKey } from '../../node/key-store.js';
import type { NewKeyType } from '../../node/private-key.js';
import { formatInstant, instant } from '../../tuf/names.js';
import { exportKey, type ExportOptions } from '../keys/export-key.js';
import { importKeys } from '../keys/import-keys.js';
import { usesOf, words, type KeyUse } from '../keys/key-uses.js';
import { notaryId } from '../keys/notary-id.js';
import { withJson, withPassphrase, type CommonOptions } from '../options.js';
import type { Run, Session } from '../session.js';

interface GenerateOptions extends CommonOptions {
  readonly type: NewKeyType;
}

interface ImportOptions extends CommonOptions {
  readonly importPassphraseFile?: string;
}

export function addKey(program: Command, run: Run): void {
  const key = program.command('key').description('makes, lists, imports and exports your private keys');
  const generate = key
    .command('generate')
    .description('makes a key')
    .addOption(new Option('--type <type>', 'the kind of key').choices(['ed25519', 'ecdsa-p256']).default('ed25519'));
  withJson(withPassphrase(generate)).action((options: GenerateOptions) =>
    run(options, async (session) => {
      show(session, await session.keys.generate(options.type, await session.passphraseForNewKeys()));
    }),
  );
  withJson(key.command('list').description('lists your keys')).action((options: CommonOptions) => run(options, list));
  const add = key
    .command('import')
    .argument(
      '<file>',
      'a key file of this command, of go-tuf, cosign, notary or docker, PEM; or a directory such as ~/.docker/trust',
    )
    .option('--import-passphrase-file <file>', 'the passphrase that opens it, where it is another than yours')
    .description('takes private keys over; they are sealed anew under your passphrase');
  withJson(withPassphrase(add)).action((file: string, options: ImportOptions) =>
    run(options, (session) =>
      importKeys(session, file, options.importPassphraseFile, {
        one: (key) => show(session, key),
        all: (keys) => session.output.json(keys.map(keyAsJson)),
      }),
    ),
  );
  const save = key
    .command('export')
    .argument('<id>', 'the key, or how its id begins')
    .option('--public', 'only the public half')
    .addOption(
      new Option('--format <format>', 'plain PEM, or as notary and docker trust import it')
        .choices(['pem', 'notary'])
        .default('pem'),
    )
    .option('--role <role>', 'for notary: the role it signs for, where that is not known')
    .option('--gun <name>', 'for notary: the one collection it belongs to, where that is not known')
    .option('-o, --output <file>', 'where to put it; standard output unless given')
    .option('--force', 'replace a file that is there and holds something else')
    .description('writes a key as PEM; a private one stays encrypted under your passphrase');
  withJson(withPassphrase(save)).action((id: string, options: ExportOptions) =>
    run(options, (session) => exportKey(session, id, options)),
  );
}

async function list(session: Session): Promise<void> {
  const { keys, output, options } = session;
  const all = await keys.list();
  const uses = await usesOf(session.home, all);
  const of = ({ id }: StoredKey): readonly KeyUse[] => uses.get(id) ?? [];
  if (options.json === true) {
    output.json(all.map((key) => ({ ...keyAsJson(key), since: formatInstant(instant(key.since)), uses: of(key) })));
  } else if (all.length === 0)
    output.line('You have no keys. `countersign init` or `countersign key generate` makes some.');
  else
    output.table(
      ['KEY', 'SCHEME', 'SINCE', 'SIGNS'],
      all.map((key) => [key.id, key.scheme, day(key.since), signs(key, of(key))]),
    );
}

/** What was seen of the collections known here; or what a key that came from Notary says of itself. */
function signs({ role, gun }: StoredKey, uses: readonly KeyUse[]): string {
  if (uses.length > 0) return uses.map(words).join(', ');
  if (role === undefined) return '-';
  return gun === undefined ? role : words({ name: gun, role });
}

function day(moment: number): string {
  return new Date(moment).toISOString().slice(0, 10);
}

function show({ output, options }: Session, key: StoredKey): void {
  if (options.json === true) output.json(keyAsJson(key));
  else {
    const role =
      key.role === undefined ? '' : `, for the role ${key.role}${key.gun === undefined ? '' : ` of ${key.gun}`},`;
    output.line(`Key ${key.id} (${key.scheme})${role} is yours now.`);
  }
}

function isLabelled({ role, gun }: StoredKey): boolean {
  return role !== undefined || gun !== undefined;
}

/** `notaryId`: as Notary's tools name a key that came from there. */
function keyAsJson(key: StoredKey): object {
  const { id, keytype, scheme, role, gun } = key;
  const plain = { id, keytype, scheme };
  if (!isLabelled(key)) return plain;
  return {
    ...plain,
    ...(role === undefined ? {} : { role }),
    ...(gun === undefined ? {} : { gun }),
    notaryId: notaryId(key, nodeCrypto),
  };
}
